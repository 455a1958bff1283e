"""Numbers that a loop makes of `t`, such as `/ (t + 1)` and `1 - 0.9**t`, as frames of a sequence of numbers.

1. The same operator on the same line of every iteration, with a number that differs: its values are a sequence.
2. It has to follow a law of the frame number: p t + q, its reciprocal, root or logarithm, a + b r^t, or a wave. Then
   the sequence is computed of the frame numbers, for any length.
3. A constant tensor of every iteration has a law for each of its numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch.fx import GraphModule, Node

from rnnedge_export.capture.loops._unrolled import aten, new_node, shape_of

_EXACT = 1e-9
_MOST = 16
_BY_TENSOR = {
    aten.add.Scalar: aten.add.Tensor, aten.sub.Scalar: aten.sub.Tensor, aten.mul.Scalar: aten.mul.Tensor,
    aten.div.Scalar: aten.div.Tensor, aten.pow.Tensor_Scalar: aten.pow.Tensor_Tensor, aten.lt.Scalar: aten.lt.Tensor,
    aten.le.Scalar: aten.le.Tensor, aten.gt.Scalar: aten.gt.Tensor, aten.ge.Scalar: aten.ge.Tensor,
    aten.eq.Scalar: aten.eq.Tensor, aten.ne.Scalar: aten.ne.Tensor,
} | {each: each for each in (aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor)}  # fmt: skip
Law = Callable[[Node, Node], Node]
"""(node to stand in front of, frame numbers as float32) -> the sequence."""


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
        if node.op == "get_attr" or node.target in _BY_TENSOR or node.target is aten.full.default:
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
    laws = [_law(column.tolist(), first) for column in values.reshape(len(nodes), -1).T]
    if any(law is None for law in laws):
        return
    at = next(iter(root.graph.find_nodes(op="call_function", target=nodes[0].target, sort=True)), nodes[0])
    at = at if nodes[0].op != "get_attr" else nodes[0]
    frames = new_node(at, aten.arange.default, (length,), same=False)
    frames = new_node(at, aten.to.dtype, (frames, torch.float32), same=False)
    columns = [law(at, frames) for law in laws if law is not None]
    sequence = columns[0] if len(columns) == 1 else new_node(at, aten.stack.default, (columns, 1), same=False)
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
    if len(node.args) < 2 or node.meta["val"].dtype not in (torch.float32, torch.bool):
        return None
    value = node.args[1]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return torch.tensor(float(value), dtype=torch.float64) if is_number else None  # type: ignore[arg-type]


def _with(node: Node, sequence: Node, t: int) -> Node:
    frame = new_node(node, aten.select.int, (sequence, 0, t), same=False)
    if node.op == "get_attr":
        return frame
    if node.target is aten.full.default:
        return new_node(node, aten.expand.default, (frame, node.args[0]))
    return new_node(node, _BY_TENSOR[node.target], (node.args[0], frame), dict(node.kwargs))


def _law(values: list[float], first: int) -> Law | None:
    """Case 2; `values`: of the iterations from `first` on. That of the numbers of float32 constants is less exact."""
    for make in (_constant, _straight, _power, _wave):
        if (law := make(values, first)) is not None:
            return law
    return None


def _same(a: float, b: float, size: float) -> bool:
    return abs(a - b) <= max(_EXACT * size, 3e-7 * size if abs(a - b) < 1e-6 else 0.0)


def _fits(values: Sequence[float], law: Callable[[int], float], first: int) -> bool:
    size = max(map(abs, values))
    return all(_same(value, law(t), size) for t, value in enumerate(values, first))


def _constant(values: list[float], first: int) -> Law | None:
    if len(set(values)) > 1:
        return None
    return lambda at, frames: _apply(at, aten.full_like.default, frames, values[0])


def _straight(values: list[float], first: int) -> Law | None:
    """p t + q, seen through 1 / x, x^2 or exp(x)."""
    shapes: list[tuple[Any, Callable[[float], float]]] = [
        (None, lambda v: v), (aten.reciprocal.default, lambda v: 1 / v), (aten.sqrt.default, lambda v: v * v),
        (aten.log.default, math.exp), (aten.rsqrt.default, lambda v: 1 / (v * v)),
    ]  # fmt: skip
    for outer, inner in shapes:
        try:
            seen = [inner(value) for value in values]
        except (OverflowError, ZeroDivisionError):
            continue
        p = seen[1] - seen[0]
        p, q = _whole(p), _whole(seen[0] - p * first)
        if _fits(seen, lambda t, p=p, q=q: p * t + q, first):  # type: ignore[misc]

            def law(at: Node, frames: Node, p: float = p, q: float = q, outer: Any = outer) -> Node:
                found = frames if p == 1 else _apply(at, aten.mul.Tensor, frames, p)
                found = _apply(at, aten.add.Tensor, found, q) if q else found
                return found if outer is None else _apply(at, outer, found)

            return law
    return None


def _whole(value: float) -> float:
    return float(round(value)) if abs(value - round(value)) < _EXACT else value


def _power(values: list[float], first: int) -> Law | None:
    """The law a + b r^t."""
    steps = [b - a for a, b in pairwise(values)]
    if not steps[0] or not steps[1]:
        return None
    r = steps[1] / steps[0]
    if not 0 < r < 1:
        return None
    b = steps[0] / (r - 1) / r**first
    a = values[0] - b * r**first
    if not _fits(values, lambda t: a + b * r**t, first):
        return None

    def law(at: Node, frames: Node) -> Node:
        powers = _apply(at, aten.exp.default, _apply(at, aten.mul.Tensor, frames, math.log(r)))
        scaled = _apply(at, aten.mul.Tensor, powers, b)
        return _apply(at, aten.add.Tensor, scaled, a) if abs(a) > _EXACT * abs(b) else scaled

    return law


def _wave(values: list[float], first: int) -> Law | None:
    """The law a sin(w t) + b cos(w t)."""
    middle = max(range(1, len(values) - 1), key=lambda t: abs(values[t]))
    cosine = (values[middle - 1] + values[middle + 1]) / (2 * values[middle] or 1.0)
    if not -1 < cosine < 1:
        return None
    # The frequency as it was written, if its digits are few: what is off by rounding is off by more with every frame.
    return next((law for digits in (2, 4, 6, 17) if (law := _turning(values, first, math.acos(cosine), digits))), None)


def _turning(values: list[float], first: int, angle: float, digits: int) -> Law | None:
    w = float(f"{angle:.{digits}g}")
    rows = [[math.sin(w * t), math.cos(w * t)] for t in range(first, first + len(values))]
    matrix = torch.tensor(rows, dtype=torch.float64)
    a, b = torch.linalg.lstsq(matrix, torch.tensor(values, dtype=torch.float64)[:, None]).solution.flatten().tolist()
    if not _fits(values, lambda t: a * math.sin(w * t) + b * math.cos(w * t), first):
        return None
    size, phase = math.hypot(a, b), math.atan2(b, a)

    def law(at: Node, frames: Node) -> Node:
        angle = _apply(at, aten.add.Tensor, _apply(at, aten.mul.Tensor, frames, w), phase)
        return _apply(at, aten.mul.Tensor, _apply(at, aten.sin.default, angle), size)

    return law


def _apply(at: Node, target: Any, *args: Any) -> Node:
    return new_node(at, target, args, same=False)
