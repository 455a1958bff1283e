"""A training as one page and one table: curves of the losses, and what was taken for what. Needs no extra."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from rnnedge.report.escape import in_csv, inert
from rnnedge_runtime.atomic import write_text

if TYPE_CHECKING:
    from rnnedge.training import Epoch
    from rnnedge.training.metrics import Confusion

PAGE, TABLE = "training.html", "confusion.csv"
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 720, 260, 56, 28
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: currentColor; } .axis { stroke: #7d8899; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; }
td, th { padding: .2rem .6rem; text-align: right; border: 1px solid #7d889966; } .hit { background: #3b82f640; }
"""


def write_confusion(labels: Sequence[str], confusion: Confusion, path: Path) -> Path:
    """As CSV: a row for each class as it is, a column for each as it was decided."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["is", *map(in_csv, labels)])
    rows.writerows([in_csv(label), *row] for label, row in zip(labels, confusion, strict=True))
    return write_text(path, text.getvalue())


def write_training_page(
    title: str,
    sentences: Sequence[str],
    epochs: Sequence[Epoch],
    labels: Sequence[str],
    confusion: Confusion,
    path: Path,
) -> Path:
    """One self-contained page, with sentences about the training."""
    parts = [f"<h1>{_text(title)}</h1>", *(f"<p>{_text(sentence)}</p>" for sentence in sentences)]
    if epochs:
        parts += ["<h2>Loss by epoch</h2>", loss_curves(epochs)]
    if confusion:
        parts += ["<h2>Test data: what was taken for what</h2>", _table(labels, confusion)]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{_text(title)}</title>'
    page = f"<!doctype html>\n<html lang=en><head>{head}<style>{_STYLE}</style></head><body>\n"
    return write_text(path, page + "\n".join(parts) + "\n</body></html>\n")


def loss_curves(epochs: Sequence[Epoch]) -> str:
    """SVG: the loss on the training data and on the held-out data, over the epochs."""
    lines = {"training": [e.train_loss for e in epochs], "held out": [e.validation_loss for e in epochs]}
    every = [loss for losses in lines.values() for loss in losses]
    low, high = min(*every, 0.0), max(every)
    span = high - low or 1.0

    def place(index: int, loss: float) -> str:
        x = _LEFT + (_WIDTH - _LEFT - 8) * (index / max(len(epochs) - 1, 1))
        return f"{x:.1f},{8 + (_HEIGHT - _BOTTOM - 8) * (1 - (loss - low) / span):.1f}"

    floor = _HEIGHT - _BOTTOM
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="loss by epoch">',
        f'<path class="axis" fill="none" d="M{_LEFT} 8V{floor}H{_WIDTH - 8}"/>',
        *(f'<text x="{_LEFT - 6}" y="{y}" text-anchor="end">{v:.3g}</text>' for y, v in ((14, high), (floor, low))),
        f'<text x="{_LEFT}" y="{_HEIGHT - 8}">1</text>',
        f'<text x="{_WIDTH - 8}" y="{_HEIGHT - 8}" text-anchor="end">epoch {epochs[-1].number}</text>',
    ]
    for row, ((name, losses), colour) in enumerate(zip(lines.items(), ("#3b82f6", "#f59e0b"), strict=True)):
        points = " ".join(place(i, loss) for i, loss in enumerate(losses))
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>')
        parts.append(f'<text x="{_WIDTH - 90}" y="{20 + 16 * row}" style="fill:{colour}">{name}</text>')
    return "".join([*parts, "</svg>"])


def _table(labels: Sequence[str], confusion: Confusion) -> str:
    head = "".join(f"<th>{_text(label)}</th>" for label in labels)
    rows = [f"<tr><th>is \\ decided</th>{head}</tr>"]
    for index, (label, counts) in enumerate(zip(labels, confusion, strict=True)):
        cells = "".join(f"<td{' class=hit' if i == index else ''}>{n}</td>" for i, n in enumerate(counts))
        rows.append(f"<tr><th>{_text(label)}</th>{cells}</tr>")
    return f'<div class="scroll"><table>{"".join(rows)}</table></div>'


def _text(text: str) -> str:
    return escape(inert(text))
