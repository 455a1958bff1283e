"""Numbers that a loop makes of `t`, such as `/ (t + 1)` and `1 - 0.9**t`, as frames of a sequence of numbers.

1. The same operator on the same line of every iteration, with a number that differs: its values are a sequence.
2. It has to follow a law of the frame number (`_laws.py`). Then the sequence is computed of the frame numbers, for any
   length.
3. A constant tensor of every iteration has a law for each of its numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.fx import GraphModule, Node

from rnnedge_export.capture.loops._laws import law_of
from rnnedge_export.capture.loops._unrolled import aten, new_node, shape_of

_MOST = 16
_BY_TENSOR = {
    aten.add.Scalar: aten.add.Tensor, aten.sub.Scalar: aten.sub.Tensor, aten.mul.Scalar: aten.mul.Tensor,
    aten.div.Scalar: aten.div.Tensor, aten.pow.Tensor_Scalar: aten.pow.Tensor_Tensor, aten.lt.Scalar: aten.lt.Tensor,
    aten.le.Scalar: aten.le.Tensor, aten.gt.Scalar: aten.gt.Tensor, aten.ge.Scalar: aten.ge.Tensor,
    aten.eq.Scalar: aten.eq.Tensor, aten.ne.Scalar: aten.ne.Tensor,
} | {each: each for each in (aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor)}  # fmt: skip
# The number stands in front of the tensor.
_NUMBER_FIRST = {aten.remainder.Scalar_Tensor: aten.remainder.Tensor, aten.pow.Scalar: aten.pow.Tensor_Tensor}
_FROM_NUMBER = aten.rsub.Scalar
_NUMBERED = {*_BY_TENSOR, *_NUMBER_FIRST, _FROM_NUMBER, aten.full.default}


def number_frames(root: GraphModule, length: int) -> None:
    """Case 1, in place: `length` iterations."""
    for nodes in list(_alike(root)):
        per, rest = divmod(len(nodes), length)
        first = 0
        if rest:
            per, rest = divmod(len(nodes), length - 1)
            first = 1
        if not rest and per:
            for place in range(per):
                _replace(root, nodes[place::per], first, length)


def _alike(root: GraphModule) -> Iterator[list[Node]]:
    found: dict[Any, list[Node]] = {}
    for node in root.graph.nodes:
        if node.op == "get_attr" or node.target in _NUMBERED:
            key = (node.op, node.op == "get_attr" or node.target, node.meta.get("stack_trace"), shape_of(node))
            found.setdefault(key, []).append(node)
    yield from (nodes for nodes in found.values() if len(nodes) >= 4)


def _replace(root: GraphModule, nodes: Sequence[Node], first: int, length: int) -> None:
    series = [_number(root, node) for node in nodes]
    if any(value is None for value in series):
        return
    values = torch.stack([value for value in series if value is not None])
    if values.numel() > _MOST * len(nodes) or bool((values == values[0]).all()):
        return
    laws = [law_of(column.tolist(), first) for column in values.reshape(len(nodes), -1).T]
    if any(law is None for law in laws):
        return
    at = next(iter(root.graph.find_nodes(op="call_function", target=nodes[0].target, sort=True)), nodes[0])
    at = at if nodes[0].op != "get_attr" else nodes[0]
    frames = new_node(at, aten.arange.default, (length,), same=False)
    frames = new_node(at, aten.to.dtype, (frames, torch.float32), same=False)
    columns = [law(at, frames) for law in laws if law is not None]
    sequence = columns[0] if len(columns) == 1 else new_node(at, aten.stack.default, (columns, 1), same=False)
    if nodes[0].op != "get_attr" and nodes[0].meta["val"].dtype == torch.int64:
        sequence = new_node(at, aten.to.dtype, (sequence, torch.int64), same=False)
    if shape_of(sequence)[1:] != values.shape[1:]:
        sequence = new_node(at, aten.reshape.default, (sequence, [length, *values.shape[1:]]), same=False)
    for t, node in enumerate(nodes, first):
        node.replace_all_uses_with(_with(node, sequence, t))


def _number(root: GraphModule, node: Node) -> torch.Tensor | None:
    """The number of an operator, or the constant, in float64."""
    if node.op == "get_attr":
        value = getattr(root, str(node.target))
        float32 = isinstance(value, torch.Tensor) and value.dtype == torch.float32
        return value.detach().double() if float32 else None
    whole = node.meta["val"].dtype == torch.int64
    if len(node.args) < 2 or node.meta["val"].dtype not in (torch.float32, torch.bool, torch.int64):
        return None
    value = node.args[0 if node.target in _NUMBER_FIRST else 1]
    if whole and not isinstance(value, int):
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return torch.tensor(float(value), dtype=torch.float64) if is_number else None  # type: ignore[arg-type]


def _with(node: Node, sequence: Node, t: int) -> Node:
    frame = new_node(node, aten.select.int, (sequence, 0, t), same=False)
    if node.op == "get_attr":
        return frame
    if node.target is aten.full.default:
        return new_node(node, aten.expand.default, (frame, node.args[0]))
    if node.target in _NUMBER_FIRST:
        return new_node(node, _NUMBER_FIRST[node.target], (frame, node.args[1]))
    if node.target is _FROM_NUMBER:
        return new_node(node, aten.sub.Tensor, (frame, node.args[0]), dict(node.kwargs))
    return new_node(node, _BY_TENSOR[node.target], (node.args[0], frame), dict(node.kwargs))
