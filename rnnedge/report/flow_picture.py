"""How time flows through a network, drawn: an SVG with its own colours for light and dark."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from html import escape
from typing import TYPE_CHECKING

from rnnedge.report.escape import inert
from rnnedge.report.layers import Layout, layered

if TYPE_CHECKING:
    from rnnedge_export.time_flow import Block, Kept, TimeFlow

_WIDTH, _GAP, _LANE, _MARGIN = 250.0, 44.0, 16.0, 26.0
_LINE, _PAD = 18.0, 10.0
# Letters of a line of a block, at the width of its font.
_LETTERS = 36
_STYLE = """
.flow { --ink: #1b2430; --soft: #5c6776; --paper: #ffffff; --card: #f5f7fa; --edge: #c3ccd8; --one: #2563eb;
        --slow: #b45309; --fast: #0f8a5f; --state: #7c3aed; --state-card: #f3edfe; background: var(--paper);
        font: 13px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
@media (prefers-color-scheme: dark) {
  .flow { --ink: #e6ebf2; --soft: #9aa6b5; --paper: #10151c; --card: #19212b; --edge: #3a4757; --one: #60a5fa;
          --slow: #fbbf24; --fast: #34d399; --state: #c4b5fd; --state-card: #2a2140; }
}
.flow text { fill: var(--ink); } .flow .soft { fill: var(--soft); font-size: 11.5px; }
.flow .name { font-weight: 600; } .flow .block { fill: var(--card); stroke: var(--edge); }
.flow .port { fill: var(--paper); stroke: var(--ink); stroke-width: 1.5; }
.flow .kept { fill: var(--state-card); } .flow .state { fill: var(--state); font-size: 11.5px; }
.flow .loop, .flow .way { fill: none; stroke-width: 1.6; } .flow .loop { stroke: var(--state); }
.flow .way { stroke: var(--soft); } .flow .way.one { stroke: var(--one); } .flow .way.slow { stroke: var(--slow); }
.flow .way.fast { stroke: var(--fast); } .flow .tip { fill: context-stroke; } .flow text.one { fill: var(--one); }
.flow text.slow { fill: var(--slow); } .flow text.fast { fill: var(--fast); }
"""


def draw(flow: TimeFlow, title: str) -> str:
    """An SVG document that stands by itself: no script, no font and no picture from elsewhere."""
    heights = [_height(block) for block in flow.blocks]
    edges = [(edge.source, edge.target) for edge in flow.edges]
    layout = layered(heights, edges, width=_WIDTH, gap=_GAP, lane=_LANE)
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="flow" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" role="img">',
            f"<title>{escape(_cut(title, 200))}</title><style>{_STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>',
            f'<g transform="translate({_MARGIN:.0f} {_MARGIN:.0f})">',
            *_ways(flow, layout),
            *(line for k in range(len(flow.blocks)) for line in _block(flow, k, *layout.centers[k], heights[k])),
            "</g></svg>",
        )
    )


def every(rate: Fraction | None) -> str:
    """How often frames come, in words."""
    if rate is None:
        return ""
    if rate == 1:
        return "every frame"
    if rate.numerator == 1:
        return f"1 per {rate.denominator} frames"
    per = "frame" if rate.denominator == 1 else f"{rate.denominator} frames"
    return f"{rate.numerator} per {per}"


def _height(block: Block) -> float:
    return 2 * _PAD + _LINE * (1 + bool(_second(block))) + (_LINE + 4) * len(block.kept)


def _second(block: Block) -> str:
    """The line under the name."""
    operators = " · ".join(block.operators) if block.name and block.role != "delay" else ""
    return block.note or operators


def _block(flow: TimeFlow, index: int, x: float, y: float, height: float) -> Iterator[str]:
    block, left = flow.blocks[index], x - _WIDTH / 2
    kind, radius = ("port", 18) if block.role in ("input", "output") else ("block", 7)
    yield _box(kind, left, y, _WIDTH, height, radius)
    line = y + _PAD + 13
    rate = every(block.rate) if _changes(flow, index) else ""
    if rate:
        yield _words(f"soft {_class(block.rate)}", left + _WIDTH - 12, line, rate, end=True)
    name = block.name or " · ".join(block.operators)
    yield _words("name", left + 12, line, _cut(name, 32 - len(rate)))
    if second := _second(block):
        line += _LINE
        yield _words("soft", left + 12, line, _cut(second, _LETTERS))
    for kept in block.kept:
        line += _LINE + 4
        yield _box("kept", left + 6, line - 14, _WIDTH - 12, 19, 5)
        yield _words(
            "state", left + 12, line, f"{'→' if kept.given else '↻'} {_cut(in_words(kept), _LETTERS)}", tip=kept.name
        )
    if any(not kept.given for kept in block.kept):
        yield _loop(left + _WIDTH, line - 4, y + _PAD + 9)


def in_words(kept: Kept) -> str:
    """A state: "window of 4 frames, 160 values"."""
    return f"{kept.kind}, {kept.values:,} value" + ("" if kept.values == 1 else "s")


def _changes(flow: TimeFlow, index: int) -> bool:
    """Whether a block says how often its frames come: a port, and where it is not as often as they came in."""
    block = flow.blocks[index]
    before = {edge.rate for edge in flow.edges if edge.target == index}
    return block.role in ("input", "output") or before != {block.rate}


def _box(kind: str, x: float, y: float, width: float, height: float, radius: float) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}" rx="{radius}"'
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" {size}/>'


def _words(kind: str, x: float, y: float, text: str, *, end: bool = False, tip: str = "") -> str:
    anchor = ' text-anchor="end"' if end else ""
    title = f"<title>{escape(_cut(tip, 200))}</title>" if tip else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{anchor}>{title}{escape(text)}</text>'


def _loop(right: float, low: float, high: float) -> str:
    """What leaves a block comes back to it in the next call."""
    out = right + 14
    way = f"M{right:.1f} {low:.1f} C{out + 4:.1f} {low:.1f} {out + 4:.1f} {high:.1f} {right + 2:.1f} {high:.1f}"
    return f'<path class="loop" marker-end="url(#tip)" d="{way}"/>'


def _ways(flow: TimeFlow, layout: Layout) -> Iterator[str]:
    for edge, points in zip(flow.edges, layout.ways, strict=True):
        way = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            bend = (y1 - y0) / 2
            way += f" C{x0:.1f} {y0 + bend:.1f} {x1:.1f} {y1 - bend:.1f} {x1:.1f} {y1:.1f}"
        yield f'<path class="way {_class(edge.rate)}" marker-end="url(#tip)" d="{way}"/>'


def _class(rate: Fraction | None) -> str:
    if rate is None:
        return ""
    return "one" if rate == 1 else "slow" if rate < 1 else "fast"


def _cut(text: str, most: int) -> str:
    shown = inert(text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
