"""Rules for operators that move, cut or join: they know where an axis goes.

As in `compute`: F is the full value, b its base, A its axes, F = Unsqueeze(b, A).
"""

from __future__ import annotations

from collections.abc import Sequence

from rnnedge_export.forms.singleton.compute import Rule, constant_ints
from rnnedge_export.forms.singleton.reshape import reshape
from rnnedge_export.forms.singleton.thin import Site, Thin, keep


def unsqueeze(site: Site) -> list[Thin] | None:
    """Unsqueeze adds its axes to those of its input; nothing is written."""
    x, added = site.inputs[0], constant_ints(site.inputs[1])
    if x is None or x.rank is None or added is None:
        return None
    rank = x.rank + len(added)
    new = {axis % rank for axis in added}
    old = [axis for axis in range(rank) if axis not in new]
    return [site.thin(site.node.outputs[0], x.base, [*new, *(old[a] for a in x.axes)])]


def squeeze(site: Site) -> list[Thin] | None:
    """Squeeze takes its axes from those of its input; only the others are squeezed from the base."""
    x = site.inputs[0]
    taken = constant_ints(site.inputs[1]) if len(site.inputs) > 1 else None
    if x is None or x.rank is None or taken is None:
        return None
    gone = {axis % x.rank for axis in taken}
    left = [a - sum(g < a for g in gone) for a in x.axes if a not in gone]
    rest = sorted(x.on_base(g) for g in gone if g not in x.axes)
    if not rest:
        return [site.thin(site.node.outputs[0], x.base, left)]
    return site.succeed([x.base, site.builder.ints(*rest)], left)


def transpose(site: Site) -> list[Thin] | None:
    """The permutation loses the axes, and vanishes where the rest stays in order."""
    (x,) = site.inputs
    if x is None or x.rank is None:
        return None
    perm = list(site.node.attributes.get_ints("perm", None) or reversed(range(x.rank)))
    axes = [out for out, source in enumerate(perm) if source in x.axes]
    kept = [x.on_base(source) for source in perm if source not in x.axes]
    if kept == sorted(kept):
        return [site.thin(site.node.outputs[0], x.base, axes)]
    return site.succeed([x.base], axes, perm=kept)


def concat(site: Site) -> list[Thin] | None:
    """Axes that every part knows leave, but for the one joined along."""
    thins = [thin for thin in site.inputs if thin is not None]
    rank = thins[0].rank
    if rank is None:
        return None
    axis = site.node.attributes["axis"].as_int() % rank
    axes = [a for a in thins[0].axes if a != axis and all(a in thin.axes for thin in thins)]
    if not axes:
        return None
    return site.succeed([keep(site.builder, thin, axes) for thin in thins], axes, axis=_shift(axis, axes))


def split(site: Site) -> list[Thin] | None:
    """Axes other than the one cut leave."""
    x = site.inputs[0]
    if x is None or x.rank is None:
        return None
    axis = site.node.attributes.get_int("axis", 0) % x.rank
    if axis in x.axes:
        return None
    return site.succeed([x.base, *(site.full(k) for k in range(1, len(site.inputs)))], x.axes, axis=x.on_base(axis))


def slice_(site: Site) -> list[Thin] | None:
    """Axes that are not cut leave. A cut that keeps the one element of an axis of size 1 is nothing."""
    x = site.inputs[0]
    if x is None or x.rank is None:
        return None
    numbers = [constant_ints(thin) for thin in site.inputs[1:]]
    starts, ends = numbers[0], numbers[1]
    if starts is None or ends is None:
        return None
    given = numbers[2] if len(numbers) > 2 and site.inputs[3] is not None else list(range(len(starts)))
    steps = numbers[3] if len(numbers) > 3 and site.inputs[4] is not None else [1] * len(starts)
    if given is None or steps is None:
        return None
    rest: list[tuple[int, int, int, int]] = []
    for start, end, axis, step in zip(starts, ends, (a % x.rank for a in given), steps, strict=True):
        if axis not in x.axes:
            rest.append((start, end, x.on_base(axis), step))
        elif len(range(1)[start:end:step]) != 1:
            return None
    if not rest:
        return [site.thin(site.node.outputs[0], x.base, x.axes)]
    return site.succeed([x.base, *(site.builder.ints(*column) for column in zip(*rest, strict=True))], x.axes)


def gather(site: Site) -> list[Thin] | None:
    """Three cases, for data of rank r and indices of rank q along `axis`.

    1. Data known, another axis gathered: the axes leave; those behind `axis` move by q - 1.
    2. Data known, that very axis gathered at 0 or -1: a scalar index takes the axis away, an index (1) does nothing.
    3. Only the indices known, as in a table of embeddings: their axes appear from `axis` on.
    """
    x, indices = site.inputs
    if x is None or indices is None or x.rank is None or indices.rank is None:
        return None
    axis = site.node.attributes.get_int("axis", 0) % x.rank
    if not x.axes:
        return site.succeed([x.base, indices.base], [a + axis for a in indices.axes])
    if indices.axes:
        return None
    if axis not in x.axes:
        moved = [a if a < axis else a + indices.rank - 1 for a in x.axes]
        return site.succeed([x.base, indices.base], moved, axis=x.on_base(axis))
    numbers = constant_ints(indices)
    if numbers not in ([0], [-1]) or indices.rank > 1:
        return None
    left = [a - (axis < a) for a in x.axes if a != axis] if indices.rank == 0 else x.axes
    return [site.thin(site.node.outputs[0], x.base, left)]


def flatten(site: Site) -> list[Thin] | None:
    """Flatten multiplies sizes on both sides of its axis; axes of size 1 do not count."""
    (x,) = site.inputs
    if x is None or x.rank is None:
        return None
    axis = site.node.attributes.get_int("axis", 1)
    place = x.on_base(axis + x.rank if axis < 0 else axis)
    if x.rank - len(x.axes) == 2 and place == 1:
        return [site.thin(site.node.outputs[0], x.base, ())]
    return site.succeed([x.base], (), axis=place)


def shape(site: Site) -> list[Thin] | None:
    """Sizes of axes that are all on the base, next to each other there, are read from the base."""
    (x,) = site.inputs
    if x is None or x.rank is None:
        return None
    start, end, _ = slice(
        site.node.attributes.get_int("start", 0), site.node.attributes.get_int("end", None), None
    ).indices(x.rank)
    if start >= end or set(range(start, end)) & set(x.axes):
        return None
    return site.succeed([x.base], (), start=x.on_base(start), end=x.on_base(end - 1) + 1)


def _shift(axis: int, dropped: Sequence[int]) -> int:
    return axis - sum(d < axis for d in dropped)


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
