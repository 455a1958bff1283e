"""Two tensors of which a third is the recurrence: y_t = a_t y_(t-1) + b_t, however it is computed.

1. All nodes of one shape are tried as y; a is any node that is as large or smaller, b any of the same shape.
2. Of several finds the first one in the graph counts: what follows from it is made of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.fx import Node

from rnnedge_export.capture.loops import aten, shape_of
from rnnedge_export.capture.scans._samples import Samples, close
from rnnedge_export.capture.scans._writing import affine_loop

# As many numbers of a value as tell it from others.
_POINTS = 24
_NATIVE = {aten.cumsum.default}


@dataclass(frozen=True)
class _Found:
    y: Node
    a: Node
    b: Node
    axis: int


def rewrite_scans(samples: Samples) -> bool:
    """Replace every scan that is found; whether there was any."""
    order = {node: k for k, node in enumerate(samples.unrolled.module.graph.nodes)}
    found = sorted(_found(samples, order), key=lambda each: (order[each.y], max(order[each.a], order[each.b])))
    before, done = _ancestors(samples), list[Node]()
    for each in found:
        seen = [y for y in done if y in before[each.y]]
        if each.y in done or any(y not in before[each.a] and y not in before[each.b] for y in seen):
            continue
        loop = affine_loop(each.y, each.a, each.b, each.axis, samples.length)
        each.y.replace_all_uses_with(loop, delete_user_cb=lambda user: True)
        done.append(each.y)
    return bool(done)


def _ancestors(samples: Samples) -> dict[Node, set[Node]]:
    found: dict[Node, set[Node]] = {}
    for node in samples.unrolled.module.graph.nodes:
        found[node] = {node}.union(*(found[each] for each in node.all_input_nodes))
    return found


def _found(samples: Samples, order: dict[Node, int]) -> Iterator[_Found]:
    groups: dict[tuple[tuple[int, ...], bool], list[Node]] = {}
    for node in order:
        value = samples.of(node)
        if value is not None and samples.depends(node) and (value.is_floating_point() or value.is_complex()):
            groups.setdefault((shape_of(node), value.is_complex()), []).append(node)
    for (shape, _), nodes in groups.items():
        for axis in (k for k, size in enumerate(shape) if size == samples.length):
            yield from _of_shape(samples, order, nodes, axis)


def _of_shape(samples: Samples, order: dict[Node, int], nodes: Sequence[Node], axis: int) -> Iterator[_Found]:
    """Case 1."""
    like = samples.of(nodes[0])
    assert like is not None
    points = _points(like, axis)
    values = torch.stack([_chosen(samples.of(node), like, axis, points) for node in nodes])
    for a in order:
        value = samples.of(a)
        if value is None or not _fits(value, like, axis):
            continue
        decay = _chosen(value, like, axis, points)
        if not decay.isfinite().all() or not _tells(decay):
            continue
        # (y, time, points): what b has to be.
        rest = torch.cat([values[:, :1], values[:, 1:] - decay[1:] * values[:, :-1]], 1)
        near = (rest[:, None, 1, 0] - values[None, :, 1, 0]).abs() <= 1e-3 * (1 + values[None, :, 1, 0].abs())
        for y, b in near.nonzero().tolist():
            node, start = nodes[y], nodes[b]
            earlier = max(order[a], order[start]) < order[node] and node.target not in _NATIVE
            if earlier and _moves(values[y]) and close(rest[y], values[b]):
                yield _Found(node, a, start, axis)


def _points(like: Tensor, axis: int) -> Tensor:
    count = like.numel() // like.shape[axis]
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))[:_POINTS]


def _chosen(value: Tensor | None, like: Tensor, axis: int, points: Tensor) -> Tensor:
    """As (time, points)."""
    assert value is not None
    return value.expand(like.shape).movedim(axis, 0).flatten(1)[:, points]


def _fits(value: Tensor, like: Tensor, axis: int) -> bool:
    """Whether it is as large, or smaller in axes that are repeated."""
    if value.dtype != like.dtype or value.dim() > like.dim() or value.numel() == 0:
        return False
    same = (a in (1, b) for a, b in zip(value.shape[::-1], like.shape[::-1], strict=False))
    behind = like.dim() - 1 - axis
    return all(same) and (value.dim() == like.dim() or value.dim() <= behind)


def _tells(decay: Tensor) -> bool:
    """Neither 0 nor 1 everywhere: anything is such a recurrence of itself, or a total."""
    return bool((decay[1:] != 0).any() and ((decay[1:] - 1).abs() > 1e-6).any())


def _moves(y: Tensor) -> bool:
    """Not the same for all frames."""
    return bool(((y[1:] - y[:-1]).abs() > 1e-6).any())
