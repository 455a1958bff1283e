"""A loop over chunks of frames that calls whole layers, as the layers over all frames.

1. Slices that cover all frames, in order, are chunks. What does the same to each of them, one by one or frame by frame,
   is done to the whole, of which its results are the chunks.
2. A recurrence that starts each chunk from the state after the one before is one recurrence.
3. The chunks of a value joined again, or assigned to a tensor one by one, are the value.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch.fx import Graph, Node
from torch.fx.node import map_arg

from rnnedge_export.capture.loops._unrolled import aten, new_node, shape_of

_SOFTMAX = (aten.softmax.int, aten.log_softmax.int)
_ROUNDS = 256
Bounds = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Chunks:
    """`parts`: slices of `whole` along `axis` at `bounds`."""

    whole: Node
    axis: int
    bounds: Bounds
    parts: tuple[Node, ...]


def merge_chunks(graph: Graph, length: int) -> bool:
    """Rewrite the graph in place; whether anything was merged."""
    _cut_splits(graph, length)
    _join_assigned(graph)
    found = False
    for _ in range(_ROUNDS):
        chunks = list(_partitions(graph, length))
        if not any(_merged(each, chunks) for each in chunks):
            break
        graph.eliminate_dead_code()
        found = True
    return found


def _partitions(graph: Graph, length: int) -> Iterator[_Chunks]:
    """Case 1."""
    slices: dict[tuple[Node, int], dict[tuple[int, int], Node]] = {}
    for node in graph.find_nodes(op="call_function", target=aten.slice.Tensor):
        args: tuple[Any, ...] = node.args
        bounded = len(args) == 4 and all(isinstance(each, int) for each in args[1:])
        if bounded and shape_of(args[0])[args[1]] == length and 0 <= args[2] < args[3] <= length:
            slices.setdefault((args[0], args[1]), {}).setdefault((args[2], args[3]), node)
    for (whole, axis), found in slices.items():
        bounds = tuple(sorted(found))
        ends = bounds[0][0] == 0 and bounds[-1][1] == length
        if 1 < len(bounds) < length and ends and all(a[1] == b[0] for a, b in pairwise(bounds)):
            yield _Chunks(whole, axis, bounds, tuple(found[each] for each in bounds))


def _merged(chunks: _Chunks, every: Sequence[_Chunks]) -> bool:
    for first in list(chunks.parts[0].users):
        if first.target is aten.cat.default and _joined(first, chunks):
            return True
        rows = [first, *(_alike(first, part, index, every) for index, part in enumerate(chunks.parts[1:], 1))]
        nodes = [node for node in rows if node is not None]
        if len(nodes) == len(rows) and (_recurrent(nodes, chunks) or _done_to_all(nodes, chunks, every)):
            return True
    return False


def _joined(node: Node, chunks: _Chunks) -> bool:
    """Case 3."""
    args: tuple[Any, ...] = node.args
    axis = (args[1] if len(args) > 1 else 0) % len(shape_of(node))
    if list(args[0]) != list(chunks.parts) or axis != chunks.axis:
        return False
    node.replace_all_uses_with(chunks.whole)
    return True


def _alike(first: Node, part: Node, index: int, every: Sequence[_Chunks]) -> Node | None:
    """What does to chunk `index` what `first` does to the first one."""
    for user in part.users:
        if user.target is first.target and len(user.args) == len(first.args) and user.kwargs == first.kwargs:
            if user.target is torch.ops.rnnedge.recurrence.default:
                if user.args[0] is part and user.args[3:] == first.args[3:]:
                    return user
            elif all(_stands_for(a, b, index, every) for a, b in zip(first.args, user.args, strict=True)):
                return user
    return None


def _stands_for(a: Any, b: Any, index: int, every: Sequence[_Chunks]) -> bool:
    if isinstance(a, Node) and isinstance(b, Node):
        return a is b or any(
            each.parts[0] is a and len(each.parts) > index and each.parts[index] is b for each in every
        )
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(
            _stands_for(x, y, index, every) or isinstance(x, int) for x, y in zip(a, b, strict=True)
        )
    return bool(a == b)


def _recurrent(nodes: Sequence[Node], chunks: _Chunks) -> bool:
    """Case 2."""
    first = nodes[0]
    if first.target is not torch.ops.rnnedge.recurrence.default or chunks.axis != 0:
        return False
    for before, after in pairwise(nodes):
        for place, state in enumerate(after.args[1:3], 1):
            own = isinstance(state, Node) and state.target is operator.getitem and state.args == (before, place)
            if not own and not (place == 2 and first.args[6] != "LSTM"):
                return False
        finals = [user for user in before.users if user.args[1] != 0]
        if any(set(final.users) - {after} for final in finals):
            return False
    made = new_node(first, first.target, (chunks.whole, *first.args[1:]), same=False)
    y, *finals = (new_node(first, operator.getitem, (made, place), same=False) for place in range(3))
    for node, (start, end) in zip(nodes, chunks.bounds, strict=True):
        for user in list(node.users):
            if user.args[1] == 0:
                user.replace_all_uses_with(new_node(user, aten.slice.Tensor, (y, 0, start, end), same=False))
            elif node is nodes[-1]:
                user.replace_all_uses_with(finals[user.args[1] - 1])  # type: ignore[operator,index]
    return True


def _done_to_all(nodes: Sequence[Node], chunks: _Chunks, every: Sequence[_Chunks]) -> bool:
    """Case 1."""
    first = nodes[0]
    axis = _axis_after(first, chunks, every)
    if axis is None:
        return False
    wholes = {each.parts[0]: each.whole for each in every}
    args: Any = map_arg(first.args, lambda given: wholes.get(given, given))
    if first.target in (aten.view.default, aten.reshape.default):
        sizes = list(shape_of(first))
        sizes[axis] = shape_of(chunks.whole)[chunks.axis]
        args = (args[0], sizes)
    made = new_node(first, first.target, args, dict(first.kwargs), same=False)
    for node, (start, end) in zip(nodes, chunks.bounds, strict=True):
        node.replace_all_uses_with(new_node(node, aten.slice.Tensor, (made, axis, start, end), same=False))
    return True


def _axis_after(node: Node, chunks: _Chunks, every: Sequence[_Chunks]) -> int | None:
    """Where the frames of the result are; None if it is not one frame from one frame."""
    rank, axis = len(shape_of(chunks.parts[0])), chunks.axis
    args: tuple[Any, ...] = node.args
    if torch.Tag.pointwise in getattr(node.target, "tags", ()):
        others = [each for each in node.all_input_nodes if each is not chunks.parts[0]]
        return (
            axis - rank + len(shape_of(node))
            if all(_repeats(each, rank - axis, chunks, every) for each in others)
            else None
        )
    if len(node.all_input_nodes) and args[0] is not chunks.parts[0] and node.target is not aten.embedding.default:
        return None
    if node.target in _SOFTMAX:
        return axis if args[1] % rank != axis else None
    if node.target in (aten.linear.default, aten.layer_norm.default):
        read = len(args[1]) if node.target is aten.layer_norm.default else 1
        return axis if axis < rank - read else None
    if node.target is aten.embedding.default:
        return axis if args[1] is chunks.parts[0] else None
    if node.target in (aten.transpose.int, aten.permute.default):
        order = list(range(rank))
        if node.target is aten.permute.default:
            order = [each % rank for each in args[1]]
        else:
            a, b = (each % rank for each in args[1:])
            order[a], order[b] = order[b], order[a]
        return order.index(axis)
    kept = shape_of(node)[: axis + 1] == shape_of(chunks.parts[0])[: axis + 1]
    return axis if node.target in (aten.view.default, aten.reshape.default) and kept else None


def _repeats(node: Node, behind: int, chunks: _Chunks, every: Sequence[_Chunks]) -> bool:
    """Whether it is the same for all frames, or the first chunk of the same frames on the same axis from the end."""
    shape = shape_of(node)
    if len(shape) < behind or shape[-behind] == 1:
        return True
    return any(each.parts[0] is node and each.bounds == chunks.bounds and len(shape) - each.axis == behind
               for each in every)  # fmt: skip


def _cut_splits(graph: Graph, length: int) -> None:
    """The items of a split of all frames, as slices."""
    for node in list(graph.find_nodes(op="call_function", target=operator.getitem)):
        split: Any = node.args[0]
        if isinstance(split, Node) and split.target in (aten.split.Tensor, aten.split_with_sizes.default):
            args: tuple[Any, ...] = split.args
            index: Any = node.args[1]
            value, axis = args[0], (args[2] if len(args) > 2 else 0) % len(shape_of(args[0]))
            sizes = [int(part.shape[axis]) for part in split.meta["val"]]
            if shape_of(value)[axis] == length:
                bounds = (sum(sizes[:index]), sum(sizes[: index + 1]))
                node.replace_all_uses_with(new_node(node, aten.slice.Tensor, (value, axis, *bounds)))


def _join_assigned(graph: Graph) -> None:
    """Case 3: a tensor to all of whose frames chunks were assigned."""
    for node in list(graph.find_nodes(op="call_function", target=aten.slice_scatter.default)):
        if not _is_assigned(node) or any(_is_assigned(user) and user.args[0] is node for user in node.users):
            continue
        axis: Any = node.args[2]
        rows, at = dict[int, tuple[int, Any]](), node
        while _is_assigned(at) and at.args[2] == axis:
            args: tuple[Any, ...] = at.args
            rows.setdefault(args[3] or 0, (min(args[4], shape_of(node)[axis]), args[1]))
            at = args[0]
        starts = sorted(rows)
        covered = starts[0] == 0 and rows[starts[-1]][0] == shape_of(node)[axis]
        if len(starts) > 1 and covered and all(rows[a][0] == b for a, b in pairwise(starts)):
            parts = [rows[start][1] for start in starts]
            node.replace_all_uses_with(new_node(node, aten.cat.default, (parts, axis), same=False))


def _is_assigned(node: Node) -> bool:
    """Whether it assigns to adjoining frames that are given by numbers."""
    return (
        node.target is aten.slice_scatter.default
        and len(node.args) == 5
        and all(isinstance(each, int) for each in (node.args[3] or 0, node.args[4]))
    )
