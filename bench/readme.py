"""The table of README.md: who runs a layer how fast, a few rows of docs/figures/native.md.

Usage: python -m bench.readme   (writes the table again from the page)
"""

from __future__ import annotations

import re

from bench.pages import FIGURES, ROOT, table
from rnnedge_runtime.atomic import write_text

README = ROOT / "README.md"
PAGE = FIGURES / "native.md"
LAYERS = (("LSTM", "40,64"), ("LSTM", "80,512"), ("GRU", "40,64"), ("GRU", "80,512"))
# Contenders by their names on the page, and what the README calls them.
ROWS = {
    "rnnedge step in place, native engine": "**rnnedge, native engine**",
    "onnxruntime, bare pre-bound": "onnxruntime, everything bound once",
    "onnxruntime, session.run": "onnxruntime, `session.run`",
    "LiteRT, XNNPACK, variables": "LiteRT, step written by hand",
    "ExecuTorch, XNNPACK": "ExecuTorch",
    "OpenVINO, f32": "OpenVINO",
    "tract": "tract",
    "PyTorch, eager layer": "PyTorch",
}


def short(page: str) -> str:
    """The table, medians in microseconds, and a line on how it was measured."""
    found = {kind: _layers(page, kind) for kind in ("LSTM", "GRU")}
    rows = [(name, *(found[kind][full][size] for kind, size in LAYERS)) for full, name in ROWS.items()]
    heads = ("one frame, median µs", *(f"{kind} {size.replace(',', ' → ')}" for kind, size in LAYERS))
    (note,) = re.findall(r"^Measured by .*?: processor (.*?), cores .*instructions (.*?),", page, re.MULTILINE)
    how = f"Batch 1, float32, one thread, called from Python, by `make bench-native`: {note[0]}, {note[1]}."
    return f"{table(heads, rows)}\n\n{how}"


def _layers(page: str, kind: str) -> dict[str, dict[str, str]]:
    """The page's table of one kind of layer: contender -> size -> median."""
    heads, _, *rows = page[page.index(f"| {kind} |") :].partition("\n\n")[0].splitlines()
    sizes = _cells(heads)[1:]
    return {name: {s: c.partition(" / ")[0] for s, c in zip(sizes, cells, strict=True)}
            for name, *cells in map(_cells, rows)}  # fmt: skip


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def between(text: str, name: str) -> str:
    """What stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`; raises `ValueError` if they are missing."""
    return _split(text, name)[1]


def put_between(text: str, name: str, body: str) -> str:
    """The text with `body` between the marks."""
    before, _, after = _split(text, name)
    return f"{before}\n{body}\n{after}"


def _split(text: str, name: str) -> tuple[str, str, str]:
    """Up to the end of the first mark, between, from the second on."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, found, rest = text.partition(begin)
    body, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"README: expected the marks {begin} and {end}, found {'one' if found else 'none'} of them")
    return before + begin, body.strip("\n"), end + after


def main() -> None:
    """Write the table of the README from the page."""
    body = short(PAGE.read_text(encoding="utf-8"))
    write_text(README, put_between(README.read_text(encoding="utf-8"), "bench", body))


if __name__ == "__main__":
    main()
