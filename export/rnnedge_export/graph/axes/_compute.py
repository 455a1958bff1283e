"""Rules for operators that compute: element by element, by contraction, or along an axis.

Write F for the full value, b for its base: axis k of F is axis order[k] of b, or of size 1.
"""

from __future__ import annotations

from rnnedge_export.graph.axes._alignment import align
from rnnedge_export.graph.axes._fact import AxisFact, Order, arrange, with_units, without
from rnnedge_export.graph.axes._site import Rule, Site, plain_bases
from rnnedge_export.graph.builder import constant
from rnnedge_export.graph.operators import Kind, of_kind


def pointwise(site: Site) -> list[AxisFact] | None:
    """f(F) has the order of F, from f(b). Further inputs (bounds of Clip, ratio of Dropout) are scalars."""
    x, *others = site.inputs
    rest = plain_bases(others)
    return None if x is None or rest is None else site.succeed([x.base, *rest], x.order)


def broadcasting(site: Site) -> list[AxisFact] | None:
    """Operands are aligned at the last axis.

    1. An axis of the result leaves where every operand that reaches it is of size 1 there, by a fact or as a constant.
    2. A permutation of the others that all operands share goes on (see `alignment`).
    """
    facts = [fact for fact in site.inputs if fact is not None]
    orders = [fact.order for fact in facts if fact.order is not None]
    if len(orders) != len(site.inputs):
        return None
    rank = max(map(len, orders))
    units = []
    for axis in range(rank):
        reaching = [(fact, axis - rank + len(order)) for fact, order in zip(facts, orders, strict=True)]
        reaching = [(fact, own) for fact, own in reaching if own >= 0]
        if any(own in fact.units for fact, own in reaching) and all(_is_one(fact, own) for fact, own in reaching):
            units.append(axis)
    aligned = align(site.builder, facts, orders, rank, units)
    return None if aligned is None else site.succeed(*aligned)


def _is_one(fact: AxisFact, axis: int) -> bool:
    if axis in fact.units:
        return True
    array = constant(fact.base) if fact.plain else None
    return array is not None and array.shape[axis] == 1


def matmul(site: Site) -> list[AxisFact] | None:
    """Two cases, for F (..., M, K).

    1. By a matrix (K, N): every axis but K leaves or moves, where K is the last one of b, or of size 1.
    2. Two stacks of one rank: unit axes of both stacks leave.
    """
    a, b = site.inputs
    if a is None or b is None or a.order is None or b.order is None or len(a.order) < 2:
        return None
    if len(b.order) == 2 and b.plain:
        return _by_matrix(site, a, a.order, b)
    if len(a.order) != len(b.order) or a.moves or b.moves:
        return None
    axes = [axis for axis in a.units if axis in b.units and axis < len(a.order) - 2]
    if not axes:
        return None
    operands = [arrange(site.builder, f.base, without(o, axes)) for f, o in ((a, a.order), (b, b.order))]
    return site.succeed(operands, with_units(len(a.order), axes))


def _by_matrix(site: Site, a: AxisFact, order: Order, b: AxisFact) -> list[AxisFact] | None:
    *front, last = order
    size = sum(source is not None for source in order)
    if last is not None:
        return site.succeed([a.base, b.base], order) if last == size - 1 else None
    if not a.moves and None not in front:
        return None
    return site.succeed([arrange(site.builder, a.base, [*range(size), None]), b.base], (*front, size))


def trailing(site: Site) -> list[AxisFact] | None:
    """Normalization over the last axes, which stay; the axis, written from the end, stays right."""
    x, *others = site.inputs
    rest = plain_bases(others)
    if x is None or x.order is None or rest is None:
        return None
    axis = site.node.attributes.get_int("axis", -1)
    first = axis if axis < 0 else axis - len(x.order)
    widths = [fact.rank for fact in others if fact is not None]
    size = len(x.order) - len(x.units)
    if x.order[first:] != tuple(range(size + first, size)) or any(w is None or w > -first for w in widths):
        return None
    return site.succeed([x.base, *rest], x.order, axis=first)


def along_axis(site: Site) -> list[AxisFact] | None:
    """Works along an axis of b, which stays."""
    (x,) = site.inputs
    if x is None or x.order is None:
        return None
    source = x.order[site.node.attributes.get_int("axis", -1) % len(x.order)]
    return None if source is None else site.succeed([x.base], x.order, axis=source)


def argument(site: Site) -> list[AxisFact] | None:
    """Searches along an axis of b, and without keepdims takes it away."""
    (x,) = site.inputs
    if x is None or x.order is None:
        return None
    axis = site.node.attributes.get_int("axis", 0) % len(x.order)
    source = x.order[axis]
    if source is None:
        return None
    keeps = site.node.attributes.get_int("keepdims", 1)
    return site.succeed([x.base], x.order if keeps else removed(x.order, [axis]), axis=source)


def reduction(site: Site) -> list[AxisFact] | None:
    """Axes of b are reduced; which, must be a constant."""
    x = site.inputs[0]
    given = site.inputs[1] if len(site.inputs) > 1 else None
    numbers = None if given is None else constant(given.base)
    if x is None or x.order is None or numbers is None or not numbers.size:
        return None
    over = sorted(int(n) % len(x.order) for n in numbers)
    sources = [source for axis in over if (source := x.order[axis]) is not None]
    if len(sources) != len(over):
        return None
    keeps = site.node.attributes.get_int("keepdims", 1)
    return site.succeed([x.base, site.builder.ints(*sources)], x.order if keeps else removed(x.order, over))


def removed(order: Order, axes: list[int]) -> Order:
    """The order where `axes` leave both the value and the base; those after them close the gap."""
    gone = [order[axis] for axis in axes]
    left = without(order, axes)
    return tuple(None if s is None else s - sum(g is not None and g < s for g in gone) for s in left)


def batch_normalization(site: Site) -> list[AxisFact] | None:
    """Axes move and leave as long as the channels stay on axis 1."""
    x, *others = site.inputs
    rest = plain_bases(others)
    if x is None or x.order is None or rest is None or len(site.node.outputs) > 1 or x.order[:2] != (0, 1):
        return None
    return site.succeed([x.base, *rest], x.order)


COMPUTE: dict[str, Rule] = {
    **dict.fromkeys(of_kind(Kind.POINTWISE), pointwise),
    **dict.fromkeys(of_kind(Kind.BROADCASTING), broadcasting),
    **dict.fromkeys(of_kind(Kind.ALONG_AXIS), along_axis),
    **dict.fromkeys(of_kind(Kind.ARGUMENT), argument),
    **dict.fromkeys(of_kind(Kind.REDUCTION), reduction),
    **dict.fromkeys(of_kind(Kind.TRAILING), trailing),
    "BatchNormalization": batch_normalization,
    "MatMul": matmul,
}
