"""The largest weight of a row of a matrix over pairs of frames, by which stable parallel forms divide the row.

    m_t = max over s of L[t, s],  if L[t, s] = f_t + L[t - 1, s] for s < t, and -inf for s > t

is the recurrence m_t = max(m_(t-1) + f_t, L[t, t]). The decay of such a row, exp(L[t, s] - m_t), has the logarithms
f_t + m_(t-1) - m_t from frame to frame and L[t, t] - m_t for a new one; both are written next to m, where products with
the matrix find them (`_products.py`).
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.fx import Node

from rnnedge_export.capture.loops import aten, shape_of
from rnnedge_export.capture.scans._samples import Samples, close
from rnnedge_export.capture.scans._writing import apply

_NOTHING = -1e30


def rewrite_maxima(samples: Samples) -> bool:
    """Replace the maxima of all rows that are such a recurrence; whether there was any."""
    found = False
    for node, pairs in list(_rows(samples)):
        weights = samples.of(pairs)
        assert weights is not None
        parts = _parts(weights, samples.length)
        if parts is None:
            continue
        fresh, forget = (_sought(samples, node, values, first) for values, first in zip(parts, (0, 1), strict=True))
        if fresh is not None and forget is not None:
            node.replace_all_uses_with(_loop(node, fresh, forget, samples.length), delete_user_cb=lambda user: True)
            found = True
    return found


def _rows(samples: Samples) -> Iterator[tuple[Node, Node]]:
    """Maxima over the last axis of values over pairs of frames, and these."""
    for node in samples.unrolled.module.graph.nodes:
        maximum = node
        if node.target is operator.getitem and node.args[1] == 0 and isinstance(node.args[0], Node):
            maximum = node.args[0]
        if maximum.target is not (aten.amax.default if maximum is node else aten.max.dim):
            continue
        pairs, axes = maximum.args[:2]
        shape = shape_of(pairs)
        axes = [axes] if isinstance(axes, int) else axes
        last = [axis % len(shape) for axis in axes] == [len(shape) - 1]
        if last and shape[-2:] == (samples.length,) * 2 and samples.depends(pairs) and samples.of(pairs) is not None:
            yield node, pairs


def _parts(weights: Tensor, length: int) -> tuple[Tensor, Tensor] | None:
    """L[t, t], and f_t from frame 1 on, if the rows follow from each other; the frames are last."""
    later = torch.ones(length, length, dtype=torch.bool).triu(1)
    if not bool((weights[..., later] <= _NOTHING).all()) or not bool(weights[..., ~later].isfinite().all()):
        return None
    fresh = weights.diagonal(dim1=-2, dim2=-1)
    forget = weights.diagonal(-1, -2, -1) - fresh[..., :-1]
    for t in range(1, length):
        if not close(weights[..., t, :t], weights[..., t - 1, :t] + forget[..., t - 1, None]):
            return None
    return fresh, forget


def _sought(samples: Samples, end: Node, values: Tensor, first: int) -> Node | None:
    """The node whose values from frame `first` on these are, as (time, *others) without axes of size 1."""
    wanted = values.squeeze()
    for node in samples.unrolled.module.graph.nodes:
        if node is end:
            return None
        value = samples.of(node)
        if value is None or not value.is_floating_point() or value.squeeze().dim() != wanted.dim():
            continue
        kept = [axis for axis, size in enumerate(value.shape) if size != 1]
        for order in itertools.permutations(range(len(kept))):
            arranged = value.squeeze().permute(order)
            if arranged.shape[-1] == samples.length and close(arranged[..., first:], wanted):
                return _arranged(end, node, kept, [order[-1], *order[:-1]])
    return None


def _arranged(at: Node, node: Node, kept: Sequence[int], order: Sequence[int]) -> Node:
    for axis in reversed([axis for axis in range(len(shape_of(node))) if axis not in kept]):
        node = apply(at, aten.select.int, node, axis, 0)
    return apply(at, aten.permute.default, node, list(order))


def _loop(at: Node, fresh: Node, forget: Node, length: int) -> Node:
    """m in the place of `at`, and the logarithms of its decay."""
    most = apply(at, aten.full_like.default, apply(at, aten.select.int, fresh, 0, 0), _NOTHING)
    rows = list[tuple[Node, Node, Node]]()
    for t in range(length):
        new, kept = (apply(at, aten.select.int, value, 0, t) for value in (fresh, forget))
        older = apply(at, aten.add.Tensor, most, kept)
        most = apply(at, aten.maximum.default, older, new)
        rows.append((most, apply(at, aten.sub.Tensor, older, most), apply(at, aten.sub.Tensor, new, most)))
    m, *_ = (apply(at, aten.stack.default, list(column), 0) for column in zip(*rows, strict=True))
    m = apply(at, aten.movedim.int, m, 0, -1)
    for axis, size in enumerate(shape_of(at)):
        if size == 1:
            m = apply(at, aten.unsqueeze.default, m, axis)
    return m
