"""Assignments to the frames of a tensor, one by one: what is read of it, and what it is at the end."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from torch.fx import Node

from rnnedge_export.capture.loops._unrolled import aten, new_node, shape_of

_FEWEST = 4


def row_of_slice(node: Node) -> Node | None:
    """A slice with bounds that are numbers, and a slice of a slice as one; None where it is one already."""
    args: tuple[Any, ...] = node.args
    value, axis, start, end = (*args, *(0, None, None)[len(args) - 1 :])[:4] if len(args) < 4 else args[:4]
    shape = shape_of(value)
    axis = axis % len(shape)
    if (len(args) > 4 and args[4] != 1) or not isinstance(shape[axis], int):
        return None
    bounds = (start or 0, shape[axis] if end is None else end)
    if not all(isinstance(each, int) for each in bounds):
        return None
    first, last, _ = slice(*bounds).indices(shape[axis])
    inner: tuple[Any, ...] = value.args
    if value.target is aten.slice.Tensor and len(inner) == 4 and inner[1] == axis and isinstance(inner[2], int):
        value, first, last = inner[0], first + inner[2], last + inner[2]
    wanted = (value, axis, first, last)
    return None if wanted == args else new_node(node, aten.slice.Tensor, wanted)


def assigned(node: Node) -> Node | None:
    """A frame, or one-frame slice, of a tensor to whose frames values were assigned."""
    args: tuple[Any, ...] = node.args
    if node.target is aten.slice.Tensor and len(args) == 4 and isinstance(args[3], int) and args[3] - args[2] == 1:
        row = _row(args[0], args[1], args[2])
        if row is None or row.target is aten.select.int:
            return None
        return new_node(node, aten.unsqueeze.default, (row, args[1]))
    if node.target is aten.select.int and args[0].target is aten.select_scatter.default:
        base, value, axis, index = args[0].args
        if axis != args[1]:
            return None
        if index == args[2]:
            return value  # type: ignore[no-any-return]
        return new_node(node, aten.select.int, (base, *args[1:]))
    return None


def _row(value: Node, axis: int, frame: int) -> Node | None:
    """What was assigned to a frame, if anything."""
    while value.target is aten.select_scatter.default:
        args: tuple[Any, ...] = value.args
        if args[2] != axis:
            return None
        if args[3] == frame:
            return args[1]  # type: ignore[no-any-return]
        value = args[0]
    return None


def scattered_row(node: Node) -> Node | None:
    """An assignment to a slice of one frame, or to a frame counted from the end, as one to a frame."""
    args: tuple[Any, ...] = node.args
    if node.target is aten.select_scatter.default:
        base, value, axis, index = args
        shape = shape_of(base)
        if axis >= 0 and index >= 0:
            return None
        return new_node(node, aten.select_scatter.default, (base, value, axis % len(shape), index % shape[axis]))
    if node.target is not aten.slice_scatter.default or len(args) < 5 or not isinstance(args[4], int):
        return None
    base, value, axis, first, last = args[:5]
    first = first or 0
    if last - first != 1 or first < 0 or shape_of(base)[axis] == 1 or args[5:] not in ((), (1,)):
        return None
    row = new_node(node, aten.select.int, (value, axis, 0), same=False)
    inner: tuple[Any, ...] = value.args
    if value.target is aten.unsqueeze.default and inner[1] % len(shape_of(value)) == axis:
        row = inner[0]
    return new_node(node, aten.select_scatter.default, (base, row, axis % len(shape_of(base)), first))


def whole(node: Node) -> Node | None:
    """A tensor to whose frames values were assigned, as what it is at the end."""
    if node.target is not aten.select_scatter.default:
        return None
    axis: Any = node.args[2]
    if any(user.target is aten.select_scatter.default and user.args[0] is node for user in node.users):
        return None
    rows, base = dict[int, Any](), node
    while base.target is aten.select_scatter.default and base.args[2] == axis:
        args: tuple[Any, ...] = base.args
        rows.setdefault(args[3], args[1])
        base = args[0]
    if len(rows) < _FEWEST:
        return None
    parts = []
    at = node.next
    for given, run in groupby(range(shape_of(node)[axis]), key=lambda frame: frame in rows):
        frames = list(run)
        if given:
            parts.append(new_node(at, aten.stack.default, ([rows[frame] for frame in frames], axis), same=False))
        else:
            parts.append(new_node(at, aten.slice.Tensor, (base, axis, frames[0], frames[-1] + 1), same=False))
    return parts[0] if len(parts) == 1 else new_node(at, aten.cat.default, (parts, axis), same=False)
