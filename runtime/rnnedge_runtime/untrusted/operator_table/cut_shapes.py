"""The shapes of what is cut from an axis, and of an axis that something is put around."""

from __future__ import annotations

from rnnedge_runtime.untrusted.operator_table.node import Node
from rnnedge_runtime.untrusted.operator_table.shapes import Dim, axes_in, axis_in, integers
from rnnedge_runtime.untrusted.operator_table.table import Shapes


def sliced(node: Node) -> Shapes:
    """ONNX Slice: a negative number counts from the end; then both are clamped to the axis."""
    x = node.shape(0)
    starts, ends = integers(node, 1, "starts"), integers(node, 2, "ends")
    axes, steps = integers(node, 3, "axes"), integers(node, 4)
    if steps is not None and 0 in steps:
        node.refuse("steps other than 0", steps)
    lists = [one_ for one_ in (starts, ends, axes, steps) if one_ is not None]
    if len({len(one_) for one_ in lists}) > 1:
        node.refuse("as many starts, ends, axes and steps", lists)
    unsaid = (node.has(3) and axes is None) or (node.has(4) and steps is None)
    if x is None or starts is None or ends is None or unsaid:
        return (None if x is None else (None,) * len(x),)
    if len(starts) > len(x):
        node.refuse(f"starts for {len(x)} axes", starts)
    along = axes_in(node, range(len(starts)) if axes is None else axes, len(x))
    dims = list(x)
    for axis, start, end, step in zip(along, starts, ends, steps or [1] * len(starts), strict=True):
        length = dims[axis]
        dims[axis] = None if length is None else len(range(length)[slice_of(length, start, end, step)])
    return (tuple(dims),)


def slice_of(length: int, start: int, end: int, step: int) -> slice:
    """What ONNX takes from an axis of `length`."""
    low, high = (0, length) if step > 0 else (-1, length - 1)
    begin = min(max(start + length if start < 0 else start, 0), high)
    stop = min(max(end + length if end < 0 else end, low), length)
    return slice(begin, None if stop < 0 else stop, step)


def split(node: Node) -> Shapes:
    """Lengths that make up the axis; equal ones where none are given, the last one shorter."""
    x, count = node.shape(0), len(node.outputs)
    lengths = integers(node, 1, "split")
    if lengths is not None and (len(lengths) != count or min(lengths) < 0):
        node.refuse(f"{count} lengths of 0 or more", lengths)
    if x is None:
        return (None,) * count
    axis = axis_in(node, node.get("axis", 0), len(x))
    whole = x[axis]
    if lengths is None and node.has(1):
        parts: list[Dim] = [None] * count
    elif lengths is None:
        each = None if whole is None else -(-whole // count)
        parts = [each] * count
        if whole is not None and each is not None:
            parts[-1] = whole - each * (count - 1)
            if whole < each * (count - 1):
                node.refuse(f"{count} parts", f"an axis of {whole}")
    else:
        parts = list(lengths)
        if whole is not None and sum(lengths) != whole:
            node.refuse(f"lengths that make {whole}", lengths)
    return tuple((*x[:axis], part, *x[axis + 1 :]) for part in parts)


def padded(node: Node) -> Shapes:
    """What is taken from within has to be there."""
    x, amounts = node.shape(0), integers(node, 1, "pads")
    axes, mode = integers(node, 3), node.get("mode", "constant")
    if x is None or amounts is None or (axes is None and node.has(3)):
        return (None if x is None else (None,) * len(x),)
    along = axes_in(node, range(len(x)) if axes is None else axes, len(x))
    if len(amounts) != 2 * len(along):
        node.refuse(f"{2 * len(along)} pads", amounts)
    dims = list(x)
    for k, axis in enumerate(along):
        before, after, length = amounts[k], amounts[k + len(along)], dims[axis]
        if length is None:
            continue
        most = {"constant": None, "edge": None if length else 0, "reflect": max(length - 1, 0), "wrap": length}[mode]
        if length + min(before, 0) + min(after, 0) < 0 or (most is not None and max(before, after) > most):
            node.refuse(f"pads that fit an axis of {length} in mode {mode}", (before, after))
        dims[axis] = length + before + after
    return (tuple(dims),)
