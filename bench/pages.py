"""The one writer of pages: tables in Markdown, microseconds with three digits, files of docs/figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rnnedge_runtime.atomic import write_text
from rnnedge_runtime.host import fingerprint

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "figures"
VERDICT = {True: "yes", False: "**no**", None: "open"}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """A table in Markdown; the first `words` columns hold words, the others numbers, to the right."""
    rule = "|" + "---|" * words + "---:|" * (len(heads) - words)
    return "\n".join([_row(heads), rule, *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def us(value: float | None) -> str:
    """Microseconds with three digits; nothing for None."""
    return "" if value is None else f"{value:.0f}" if value >= 99.5 else f"{value:.3g}"


def machine(*names: str) -> str:
    """What is known of this machine under these names, such as "processor" and "cores", in one line."""
    host = fingerprint()
    return ", ".join(f"{name} {host[name]}" for name in names if name in host)


def publish(name: str | Path, *parts: str) -> None:
    """Write `parts` as paragraphs to the file `name` of docs/figures, or to an absolute path."""
    write_text(FIGURES / name, "\n\n".join(part for part in parts if part) + "\n")
