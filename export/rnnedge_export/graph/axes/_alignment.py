"""Operands of one operator brought to one order of axes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import onnx_ir as ir

from rnnedge_export.graph.axes._fact import AxisFact, Order, arrange, moves
from rnnedge_export.graph.builder import GraphBuilder, constant


def align(
    builder: GraphBuilder, facts: Sequence[AxisFact], orders: Sequence[Order], rank: int, units: Collection[int]
) -> tuple[list[ir.Value], Order] | None:
    """Operands without the axes `units` of a result of `rank` axes, and the order of the full result from the new one.

    1. The first operand that reaches every axis left says in which order they are computed.
    2. Each other one must have them in that order too, or be a constant, which is rearranged while compiling. One of
       fewer axes must reach the same last axes of the new result.
    3. None where these do not hold, or nothing would be gained.
    """
    kept = [axis for axis in range(rank) if axis not in units]
    lefts = [[order[own] for axis in kept if (own := axis - rank + len(order)) >= 0] for order in orders]
    result = _shared(lefts, len(kept))
    if not units and result == list(range(len(kept))):
        return None
    arranged = [_rearranged(left, result) for left in lefts]
    if any(new is None or (moves(new) and constant(f.base) is None) for f, new in zip(facts, arranged, strict=True)):
        return None
    operands = []
    for fact, order, new in zip(facts, orders, arranged, strict=True):
        assert new is not None
        operands.append(_written(builder, fact, order, new, [u - rank + len(order) for u in units]))
    places = {axis: result[index] for index, axis in enumerate(kept)}
    return operands, tuple(places.get(axis) for axis in range(rank))


def _shared(lefts: Sequence[Sequence[int | None]], width: int) -> list[int]:
    """Case 1: where each axis of the result is found on the new one."""
    for left in lefts:
        sources = [source for source in left if source is not None]
        if len(sources) == width and moves(left):
            return sources
    return list(range(width))


def _rearranged(left: Sequence[int | None], result: Sequence[int]) -> list[int | None] | None:
    """Case 2: the order in which an operand enters, None where it reaches other axes there."""
    first = len(result) - len(left)
    places = [place - first for place in result[first:]]
    if sorted(places) != list(range(len(left))):
        return None
    new: list[int | None] = [None] * len(left)
    for source, place in zip(left, places, strict=True):
        new[place] = source
    return new


def _written(
    builder: GraphBuilder, fact: AxisFact, order: Order, new: Sequence[int | None], units: Sequence[int]
) -> ir.Value:
    """The operand; a constant loses its own axes of size 1."""
    taken = [source for u in units if u >= 0 and (source := order[u]) is not None]
    if not taken:
        return arrange(builder, fact.base, new)
    squeezed = builder.op("Squeeze", fact.base, builder.ints(*taken))
    return arrange(builder, squeezed, [None if s is None else s - sum(t < s for t in taken) for s in new])
