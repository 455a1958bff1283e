"""How time flows through a network, as a page: the picture, and the same in order as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rnnedge.report.flow_picture import draw, every, in_words
from rnnedge.report.links import Link
from rnnedge.report.page import render
from rnnedge_runtime import Model, replay

if TYPE_CHECKING:
    from rnnedge_export.time_flow import Block, TimeFlow


class _Row(NamedTuple):
    name: str
    computes: str
    frames: str
    keeps: str
    weights: str


def flow_page(flow: TimeFlow, model: Model, name: str, links: Sequence[Link] = ()) -> str:
    """The page of a model: its proof, its picture, and `links` to other pages of it.

    Raises `MissingExtra` without jinja2.
    """
    contract = model.contract
    changing = [kept for block in flow.blocks for kept in block.kept if not kept.given]
    kept, states = sum(one.values for one in changing), len(changing)
    rate, later = contract.frame_rate_hz, contract.lookahead
    time = f", {1000 * later / rate:.4g} ms" if rate else ""
    cards = [
        ("any" if contract.chunk is None else str(contract.chunk), "frames in a call"),
        (str(later), f"frames of lookahead{time}"),
        (f"{kept:,}", f"values kept for the next call, in {states} state" + ("" if states == 1 else "s")),
        (f"{sum(block.weights for block in flow.blocks):,}", "weights"),
    ]
    rows = [_row(block) for block in flow.blocks]
    picture, proof = draw(flow, name), _proof(model)
    return render("flow.html.j2", name=name, cards=cards, picture=picture, rows=rows, links=links, proof=proof)


def _proof(model: Model) -> str:
    """What a replay of the golden sample gives here, in words."""
    if model.contract.golden is None:
        return "It has no golden sample."
    found = replay(model)
    if not found.passed:
        return f"Its golden sample does NOT replay on {found.provider}: {found.failure}."
    figures = f"error {found.max_error:.1e}, tolerance {found.tolerance:.1e}"
    return f"Its golden sample of {found.frames} frames replays on {found.provider}: {figures}."


def _row(block: Block) -> _Row:
    computes = block.note if block.role in ("input", "output") else " · ".join(block.operators)
    weights = f"{block.weights:,}" if block.weights else ""
    return _Row(block.name, computes, every(block.rate), "; ".join(map(in_words, block.kept)), weights)
