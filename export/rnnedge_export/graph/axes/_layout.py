"""Rules for operators that move, cut or join: they know where an axis goes.

As in `compute`: axis k of the full value F is axis order[k] of its base b, or of size 1.
"""

from __future__ import annotations

from rnnedge_export.graph.axes._alignment import align
from rnnedge_export.graph.axes._compute import removed
from rnnedge_export.graph.axes._fact import AxisFact, moves, with_units
from rnnedge_export.graph.axes._reshape import reshape
from rnnedge_export.graph.axes._site import Rule, Site, constant_ints


def unsqueeze(site: Site) -> list[AxisFact] | None:
    """Unsqueeze puts unit axes in between; nothing is written."""
    x, added = site.inputs[0], constant_ints(site.inputs[1])
    if x is None or x.order is None or added is None:
        return None
    rank = len(x.order) + len(added)
    new = {axis % rank for axis in added}
    old = iter(x.order)
    order = tuple(None if axis in new else next(old) for axis in range(rank))
    return [site.fact(site.node.outputs[0], x.base, order)]


def squeeze(site: Site) -> list[AxisFact] | None:
    """Squeeze takes unit axes away; only those that b has are squeezed from it."""
    x = site.inputs[0]
    taken = constant_ints(site.inputs[1]) if len(site.inputs) > 1 else None
    if x is None or x.order is None or taken is None:
        return None
    gone = sorted({axis % len(x.order) for axis in taken})
    left = removed(x.order, gone)
    rest = sorted(source for axis in gone if (source := x.order[axis]) is not None)
    if not rest:
        return [site.fact(site.node.outputs[0], x.base, left)]
    return site.succeed([x.base, site.builder.ints(*rest)], left)


def transpose(site: Site) -> list[AxisFact] | None:
    """Permutations compose. One that only moves unit axes, or undoes another, is nothing."""
    (x,) = site.inputs
    if x is None or x.order is None:
        return None
    perm = list(site.node.attributes.get_ints("perm", None) or reversed(range(len(x.order))))
    order = tuple(x.order[source] for source in perm)
    if site.lazy or not moves(order):
        return [site.fact(site.node.outputs[0], x.base, order)]
    units = [axis for axis, source in enumerate(order) if source is None]
    kept = [source for source in order if source is not None]
    return site.succeed([x.base], with_units(len(order), units), perm=kept)


def concat(site: Site) -> list[AxisFact] | None:
    """Unit axes that every part has leave, but for the one joined along; a permutation of every part goes on."""
    facts = [fact for fact in site.inputs if fact is not None]
    orders = [fact.order for fact in facts if fact.order is not None]
    if len(orders) != len(facts):
        return None
    rank = len(orders[0])
    axis = site.node.attributes["axis"].as_int() % rank
    units = [a for a in facts[0].units if a != axis and all(a in fact.units for fact in facts)]
    aligned = align(site.builder, facts, orders, rank, units)
    return None if aligned is None else site.succeed(*aligned, axis=aligned[1][axis])


def split(site: Site) -> list[AxisFact] | None:
    """An axis of b is cut."""
    x = site.inputs[0]
    if x is None or x.order is None:
        return None
    source = x.order[site.node.attributes.get_int("axis", 0) % len(x.order)]
    if source is None:
        return None
    return site.succeed([x.base, *(site.full(k) for k in range(1, len(site.inputs)))], x.order, axis=source)


def slice_(site: Site) -> list[AxisFact] | None:
    """Axes of b are cut. A cut that keeps the one element of a unit axis is nothing."""
    x = site.inputs[0]
    if x is None or x.order is None:
        return None
    numbers = [constant_ints(fact) for fact in site.inputs[1:]]
    starts, ends = numbers[0], numbers[1]
    if starts is None or ends is None:
        return None
    given = numbers[2] if len(numbers) > 2 and site.inputs[3] is not None else list(range(len(starts)))
    steps = numbers[3] if len(numbers) > 3 and site.inputs[4] is not None else [1] * len(starts)
    if given is None or steps is None:
        return None
    rest: list[tuple[int, int, int, int]] = []
    for start, end, axis, step in zip(starts, ends, given, steps, strict=True):
        source = x.order[axis % len(x.order)]
        if source is not None:
            rest.append((start, end, source, step))
        elif len(range(1)[start:end:step]) != 1:
            return None
    if not rest:
        return [site.fact(site.node.outputs[0], x.base, x.order)]
    return site.succeed([x.base, *(site.builder.ints(*column) for column in zip(*rest, strict=True))], x.order)


def gather(site: Site) -> list[AxisFact] | None:
    """Three cases, for data of rank r and indices of rank q along `axis`.

    1. Data known, an axis of b gathered: those after it on b move by q - 1.
    2. Data known, a unit axis gathered at 0 or -1: a scalar index takes the axis away, an index (1) does nothing.
    3. Only the indices known, as in a table of embeddings: their axes stand from `axis` on.
    """
    x, indices = site.inputs
    if x is None or indices is None or x.order is None or indices.order is None:
        return None
    axis, width = site.node.attributes.get_int("axis", 0) % len(x.order), len(indices.order)
    front, source, behind = x.order[:axis], x.order[axis], x.order[axis + 1 :]
    if x.plain:
        on_base = width - len(indices.units)
        inner = (None if s is None else s + axis for s in indices.order)
        return site.succeed([x.base, indices.base], (*front, *inner, *(axis + on_base + k for k in range(len(behind)))))
    if not indices.plain:
        return None
    if source is not None:
        front, behind = (tuple(_shifted(s, source, width - 1) for s in part) for part in (front, behind))
        return site.succeed([x.base, indices.base], (*front, *range(source, source + width), *behind), axis=source)
    if constant_ints(indices) not in ([0], [-1]) or width > 1:
        return None
    return [site.fact(site.node.outputs[0], x.base, (*front, *behind) if width == 0 else x.order)]


def _shifted(source: int | None, behind: int, by: int) -> int | None:
    return source if source is None or source < behind else source + by


def flatten(site: Site) -> list[AxisFact] | None:
    """Flatten multiplies sizes on both sides of its axis; unit axes do not count."""
    (x,) = site.inputs
    if x is None or x.order is None or x.moves:
        return None
    axis = site.node.attributes.get_int("axis", 1)
    axis += len(x.order) if axis < 0 else 0
    place = axis - sum(unit < axis for unit in x.units)
    if len(x.order) - len(x.units) == 2 and place == 1:
        return [site.fact(site.node.outputs[0], x.base)]
    return site.succeed([x.base], axis=place)


def shape(site: Site) -> list[AxisFact] | None:
    """Sizes of axes that are next to each other on b are read from it."""
    (x,) = site.inputs
    if x is None or x.order is None:
        return None
    attributes = site.node.attributes
    start, end, _ = slice(attributes.get_int("start", 0), attributes.get_int("end", None)).indices(len(x.order))
    sources = x.order[start:end]
    first = sources[0] if sources else None
    if first is None or sources != tuple(range(first, first + len(sources))):
        return None
    return site.succeed([x.base], start=first, end=first + len(sources))


LAYOUT: dict[str, Rule] = {
    "Concat": concat,
    "Flatten": flatten,
    "Gather": gather,
    "Reshape": reshape,
    "Shape": shape,
    "Slice": slice_,
    "Split": split,
    "Squeeze": squeeze,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
