"""The shapes that the operators of `layout.py` give."""

from __future__ import annotations

from math import ceil, isfinite

from rnnedge_runtime.untrusted.operator_table.node import Node, Shape
from rnnedge_runtime.untrusted.operator_table.shapes import (
    Dim,
    axes_in,
    axis_in,
    integers,
    joined,
    known_rank,
    one,
    times,
)
from rnnedge_runtime.untrusted.operator_table.table import Shapes


def constant(node: Node) -> Shapes:
    """That of the tensor; a list is one row."""
    value = next(iter(node.attributes.values()))
    if hasattr(value, "shape"):
        return (tuple(value.shape),)
    return (() if isinstance(value, int | float) else (len(value),),)


def filled(node: Node) -> Shapes:
    """What the constant says."""
    return (_sizes(node, integers(node, 0)),)


def _sizes(node: Node, sizes: list[int] | None) -> Shape | None:
    if sizes is not None and any(size < 0 for size in sizes):
        node.refuse("sizes of 0 or more", sizes)
    return None if sizes is None else tuple(sizes)


def ranged(node: Node) -> Shapes:
    """As many numbers as steps from the first to before the last."""
    bounds = [node.constant(k) for k in range(3)]
    if any(bound is not None and bound.size != 1 for bound in bounds):
        node.refuse("one number each", [None if bound is None else bound.shape for bound in bounds])
    start, end, step = (None if bound is None else bound.flat[0].item() for bound in bounds)
    if step == 0:
        node.refuse("a step other than 0", step)
    if start is None or end is None or step is None:
        return ((None,),)
    count = (end - start) / step
    if not isfinite(count):
        node.refuse("a finite range", (start, end, step))
    return ((max(0, ceil(count)),),)


def shape(node: Node) -> Shapes:
    """A number for each axis from `start` to before `end`."""
    rank = node.rank(0)
    return ((None if rank is None else len(range(rank)[slice(node.get("start", 0), node.get("end"))]),),)


def reshaped(node: Node) -> Shapes:
    """0 keeps a dim, one -1 is what is left."""
    x, asked = node.shape(0), integers(node, 1)
    if asked is None:
        return (None,)
    if min(asked, default=0) < -1 or asked.count(-1) > 1:
        node.refuse("sizes of 0 or more, and one -1", asked)
    keeps = not node.get("allowzero", 0)
    if keeps and x is not None and any(size == 0 and k >= len(x) for k, size in enumerate(asked)):
        node.refuse(f"a 0 for one of {len(x)} axes", asked)
    dims: list[Dim] = [
        (None if x is None else x[k]) if size == 0 and keeps else None if size < 0 else size
        for k, size in enumerate(asked)
    ]
    count = None if x is None else times(x)
    rest = times(dim for dim, size in zip(dims, asked, strict=True) if size != -1)
    if count is None or rest is None:
        return (tuple(dims),)
    if -1 in asked:
        if not rest or count % rest:
            node.refuse(f"{count} numbers as rows of {rest}", asked)
        dims[asked.index(-1)] = count // rest
    elif rest != count:
        node.refuse(f"a shape of {count} numbers", asked)
    return (tuple(dims),)


def flattened(node: Node) -> Shapes:
    """The axes before one, and those from it on."""
    x = node.shape(0)
    if x is None:
        return ((None, None),)
    axis = node.get("axis", 1)
    if not -len(x) <= axis <= len(x):
        node.refuse(f"axis of 0 to {len(x)}", axis)
    axis += len(x) if axis < 0 else 0
    return ((times(x[:axis]), times(x[axis:])),)


def squeezed(node: Node) -> Shapes:
    """Without the axes of length 1 that are named, or without all of them."""
    x, axes = node.shape(0), integers(node, 1, "axes")
    if x is None or (axes is None and (node.has(1) or None in x)):
        return (None,)
    gone = [k for k, dim in enumerate(x) if dim == 1] if axes is None else axes_in(node, axes, len(x))
    if any(x[axis] not in (1, None) for axis in gone):
        node.refuse("axes of length 1", axes)
    return (tuple(dim for axis, dim in enumerate(x) if axis not in gone),)


def unsqueezed(node: Node) -> Shapes:
    """With axes of length 1, where they are in the result."""
    x, axes = node.shape(0), integers(node, 1, "axes")
    if x is None or axes is None:
        return (None,)
    new, rest = axes_in(node, axes, len(x) + len(axes)), iter(x)
    return (tuple(1 if axis in new else next(rest) for axis in range(len(x) + len(axes))),)


def transposed(node: Node) -> Shapes:
    """In another order; the other way round if there is none."""
    x = node.shape(0)
    if x is None:
        return (None,)
    return (tuple(x[axis] for axis in node.get("perm", range(len(x) - 1, -1, -1))),)


def expanded(node: Node) -> Shapes:
    """Broadcast both ways."""
    asked = _sizes(node, integers(node, 1))
    return (joined(node, (node.shape(0), asked)),)


def tiled(node: Node) -> Shapes:
    """A number of times for every axis."""
    x, times_ = node.shape(0), _sizes(node, integers(node, 1))
    if x is None or times_ is None:
        return (None,)
    if len(x) != len(times_):
        node.refuse(f"repeats for {len(x)} axes", list(times_))
    return (tuple(None if dim is None or n is None else dim * n for dim, n in zip(x, times_, strict=True)),)


def concatenated(node: Node) -> Shapes:
    """All but one axis agree."""
    shapes = [node.shape(k) for k in range(len(node.inputs))]
    known = [found for found in shapes if found is not None]
    if not known:
        return (None,)
    rank = len(known[0])
    if any(len(found) != rank for found in known):
        node.refuse("inputs of as many axes", known)
    axis = axis_in(node, node.get("axis"), rank)
    dims = [one(node, [found[k] for found in known], f"axis {k} of all inputs") if k != axis else None
            for k in range(rank)]  # fmt: skip
    lengths = [None if found is None else found[axis] for found in shapes]
    if None not in lengths:
        dims[axis] = sum(length for length in lengths if length is not None)
    return (tuple(dims),)


def triangle(node: Node) -> Shapes:
    """As it is, of two axes at least."""
    x = node.shape(0)
    if x is not None and len(x) < 2:
        known_rank(node, 0, 2)
    return (x,)


def spread(node: Node) -> Shapes:
    """DepthToSpace: channels become height and width."""
    x, block = known_rank(node, 0, 4), node.get("blocksize")
    if x is None:
        return ((None,) * 4,)
    batch, depth, high, wide = x
    if depth is not None and depth % (block * block):
        node.refuse(f"a multiple of {block * block} channels", depth)
    return ((batch, None if depth is None else depth // (block * block), times((high, block)), times((wide, block))),)


def stacked(node: Node) -> Shapes:
    """SpaceToDepth: height and width become channels."""
    x, block = known_rank(node, 0, 4), node.get("blocksize")
    if x is None:
        return ((None,) * 4,)
    batch, depth, *sides = x
    if any(side is not None and side % block for side in sides):
        node.refuse(f"multiples of {block} in height and width", x)
    return ((batch, times((depth, block * block)), *(None if side is None else side // block for side in sides)),)
