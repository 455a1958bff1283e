"""Time cut into blocks that are folded into the batch by one reshape, and back: what it is between the two.

(batch, time, ...) -> (batch * time // k, k, ...) is a cut into (batch, time // k, k, ...), and then a fold. torch.onnx
and people write both as one.
"""

from __future__ import annotations

from rnnedge_export.graph.symbolic_dims import grows, product, ratio
from rnnedge_export.streaming.facts import Fact
from rnnedge_runtime.contract import Dim


def between(before: tuple[Dim, ...], fact: Fact, after: tuple[Dim, ...]) -> tuple[Dim, ...] | None:
    """The shape in the middle, None where a reshape is nothing of the kind."""
    places = [i for i, d in enumerate(after) if grows(d, "time")]
    if len(places) != 1 or fact.axis is None:
        return None
    apart, own, merged, axis = (after, places[0], before, fact.axis) if fact.folded else (
        before, fact.axis, after, places[0],
    )  # fmt: skip
    block = merged[axis + 1] if axis + 1 < len(merged) else 1
    if not isinstance(block, int) or block < 2 or own == 0:
        return None
    if ratio(product(apart[:own]), product(merged[:axis])) == 1:
        return None
    whole = product(apart[: own + 1])
    if (
        ratio(product(merged[: axis + 1]), whole) != block
        or ratio(product(apart[own + 1 :]), product(merged[axis + 2 :])) != 1
    ):
        return None
    return (*apart[:own], f"({apart[own]})//{block}", block, *merged[axis + 2 :])
