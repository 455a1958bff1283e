"""The law that numbers of one iteration after the other follow, written as a function of the frame number.

p t + q, its reciprocal, root or logarithm, a + b r^t, a wave, or numbers that come round again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch.fx import Node

from rnnedge_export.capture.loops._unrolled import aten, new_node

_EXACT = 1e-9
_LONGEST_PERIOD = 8
Law = Callable[[Node, Node], Node]
"""(node to stand in front of, frame numbers as float32) -> the sequence."""


def law_of(values: list[float], first: int) -> Law | None:
    """`values`: of the iterations from `first` on. That of the numbers of float32 constants is less exact."""
    for make in (_constant, _straight, _power, _wave, _round):
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


def _round(values: list[float], first: int) -> Law | None:
    """Numbers that come round again: a sum over the places of a period, two periods of which are seen at least."""
    periods = range(2, min(_LONGEST_PERIOD, len(values) // 2) + 1)
    period = next((p for p in periods if all(a == b for a, b in zip(values, values[p:], strict=False))), None)
    if period is None:
        return None

    def law(at: Node, frames: Node) -> Node:
        place = _apply(at, aten.remainder.Scalar, frames, float(period))
        found = _apply(at, aten.zeros_like.default, frames)
        for k in range(period):
            value = values[(k - first) % period]
            here = _apply(at, aten.to.dtype, _apply(at, aten.eq.Scalar, place, float(k)), torch.float32)
            found = _apply(at, aten.add.Tensor, found, _apply(at, aten.mul.Tensor, here, value)) if value else found
        return found

    return law
