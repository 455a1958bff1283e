"""A product with a matrix over pairs of frames as the recurrence of what it adds up.

    y_t = q_t S_t,  S_t = a_t S_(t-1) + k_t v_t,  if the matrix is q_t k_s decay[t, s], and 0 where s > t

1. A decay has decay[t, s] = decay[t, t-1] decay[t-1, s]: its a_t is on its first side diagonal. Its main diagonal may
   hold a factor of frame s.
2. a_t, or its logarithm, is a value among those of the graph; if it follows from weights alone, a constant.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.fx import Node

from rnnedge_export.capture.loops import aten, shape_of
from rnnedge_export.capture.scans._factors import Factor, Factoring, Labels, NoProduct, Product
from rnnedge_export.capture.scans._samples import Samples, close
from rnnedge_export.capture.scans._writing import affine_loop, apply, constant

_NONE = 1e-6


@dataclass(frozen=True)
class _Decay:
    """`labels` of `values`, the frames last; `fresh`: what each frame is multiplied by, None: 1."""

    labels: tuple[int, ...]
    values: Tensor
    fresh: Tensor | None


def rewrite_products(samples: Samples) -> bool:
    """Replace every product over pairs of frames that is such a recurrence; whether there was any."""
    found = False
    for node in list(samples.unrolled.module.graph.nodes):
        if _may_be(samples, node):
            try:
                made = _Rewriting(samples, node).made()
            except NoProduct:
                continue
            node.replace_all_uses_with(made, delete_user_cb=lambda user: True)
            found = True
    return found


def _may_be(samples: Samples, node: Node) -> bool:
    """A value over single frames that is made of one over pairs."""
    kinds = (aten.matmul.default, aten.bmm.default, aten.mm.default, aten.einsum.default, aten.sum.dim_IntList)
    if node.target not in kinds or samples.of(node) is None or not samples.depends(node):
        return False
    given = [shape_of(each) for each in node.all_input_nodes]
    times = [sum(size == samples.length for size in shape) for shape in given]
    return shape_of(node).count(samples.length) == 1 and max(times) > 1


class _Rewriting:
    def __init__(self, samples: Samples, node: Node) -> None:
        self.samples, self.node, self.length = samples, node, samples.length
        self.product, self.out = Factoring(samples).of(node)
        self.row = next(label for label in self.out if label is not None and self._size(label) == self.length)
        pairs = [f.labels for f in self.product.factors if self.row in f.labels]
        others = {label for labels in pairs for label in labels if label is not None} - {self.row, *self.out}
        columns = {label for label in others if self._size(label) == self.length}
        if len(columns) != 1:
            raise NoProduct
        self.column = columns.pop()

    def _size(self, label: int | None) -> int:
        return 1 if label is None else self.product.sizes[label]

    def made(self) -> Node:
        """What stands for the node. Raises `NoProduct`."""
        decay = self._decay()
        rows = [f for f in self.product.factors if self.column not in f.labels]
        columns = [f for f in self.product.factors if self.column in f.labels and self.row not in f.labels]
        if any(f.node is None for f in (*rows, *columns)):
            raise NoProduct
        labels = self._labels(columns, decay)
        b = self._multiplied([(f, self.column) for f in columns], labels, self._fresh(decay, labels))
        state = affine_loop(self.node, self._factor(decay, labels), b, 0, self.length)
        every = sorted({*labels, *(x for f in rows for x in f.labels if x not in (None, self.row))})
        y = self._placed(state, (self.row, *labels), every)
        for factor in rows:
            assert factor.node is not None
            each = self._placed(factor.node, factor.labels, every)
            y = apply(self.node, aten.div.Tensor if factor.over else aten.mul.Tensor, y, each)
        return self._result(y, every)

    def _labels(self, columns: Sequence[Factor], decay: _Decay) -> list[int]:
        of_frames = {x for f in columns for x in f.labels if x not in (None, self.column)}
        return sorted({*of_frames, *decay.labels})

    def _multiplied(self, factors: Sequence[tuple[Factor, int]], labels: Sequence[int], fresh: Node | None) -> Node:
        """The product of all factors of a frame: (time, *labels)."""
        made = fresh
        for factor, time in factors:
            assert factor.node is not None
            each = self._placed(factor.node, factor.labels, labels, time)
            if made is None:
                made = apply(self.node, aten.reciprocal.default, each) if factor.over else each
            else:
                made = apply(self.node, aten.div.Tensor if factor.over else aten.mul.Tensor, made, each)
        if made is None:
            raise NoProduct
        sizes = [self.length, *(self._size(x) for x in labels)]
        if list(shape_of(made)) != sizes:
            made = apply(self.node, aten.expand.default, made, sizes)
        return made if self.product.scale == 1 else apply(self.node, aten.mul.Tensor, made, self.product.scale)

    def _placed(self, node: Node, own: Labels, labels: Sequence[int], time: int | None = None) -> Node:
        """A factor with its axes in the order (time, *labels), of size 1 where it has none."""
        wanted = [self.row if time is None else time, *labels]
        kept = [k for k, label in enumerate(own) if label is not None]
        for axis in sorted(set(range(len(own))) - set(kept), reverse=True):
            node = apply(self.node, aten.select.int, node, axis, 0)
        names = [own[k] for k in kept]
        order = [names.index(label) for label in wanted if label in names]
        if order != sorted(order):
            node = apply(self.node, aten.permute.default, node, order)
        for axis, label in enumerate(wanted):
            if label not in names:
                node = apply(self.node, aten.unsqueeze.default, node, axis)
        return node

    def _result(self, y: Node, every: Sequence[int]) -> Node:
        """(time, *every) with what is summed left out, in the order of the node's axes."""
        summed = [k + 1 for k, label in enumerate(every) if label not in self.out]
        if summed:
            y = apply(self.node, aten.sum.dim_IntList, y, summed)
        left: list[int | None] = [self.row, *(label for label in every if label in self.out)]
        for label in self.out:
            if label not in left:
                left.append(label)
                y = apply(self.node, aten.unsqueeze.default, y, len(left) - 1)
        y = apply(self.node, aten.permute.default, y, [left.index(label) for label in self.out])
        if shape_of(y) != shape_of(self.node):
            y = apply(self.node, aten.expand.default, y, list(shape_of(self.node)))
        return y

    def _decay(self) -> _Decay:
        """Case 1."""
        both = [f for f in self.product.factors if self.column in f.labels and self.row in f.labels]
        found = {x for f in both for x in f.labels if x is not None}
        labels = sorted(found - {self.row, self.column})
        values, order = torch.ones(()), [*labels, self.row, self.column]
        for factor in both:
            if factor.over:
                raise NoProduct
            values = values * _arranged(self._value(factor), factor.labels, order)
        self.both = both
        size = float(values.abs().max())
        if not values.isfinite().all() or float(values.triu(1).abs().max()) > _NONE * size:
            raise NoProduct
        fresh = values.diagonal(dim1=-2, dim2=-1)
        if (fresh.abs() < 1e-12).any():
            raise NoProduct
        scaled = values / fresh[..., None, :]
        side = scaled.diagonal(-1, -2, -1)
        predicted = torch.ones_like(fresh).diag_embed()
        for t in range(1, self.length):
            predicted[..., t, :t] = side[..., t - 1, None] * predicted[..., t - 1, :t]
        if not close(predicted, scaled):
            raise NoProduct
        steady = close(fresh, torch.ones_like(fresh))
        return _Decay(tuple(labels), torch.cat([side[..., :1], side], -1), None if steady else fresh)

    def _value(self, factor: Factor) -> Tensor:
        value = factor.keep if factor.node is None else self.samples.of(factor.node)
        if value is None:
            raise NoProduct
        return value

    def _factor(self, decay: _Decay, labels: Sequence[int]) -> Node | None:
        """a_t as (time, *labels), or (1, *labels) where it never changes; None: 1. Case 2."""
        if close(decay.values, torch.ones_like(decay.values)):
            return None
        if not any(f.node is not None and self.samples.depends(f.node) for f in self.both):
            return self._constant(decay, labels)
        return self._sought(decay.values[..., 1:], decay.labels, labels, 1)

    def _fresh(self, decay: _Decay, labels: Sequence[int]) -> Node | None:
        return None if decay.fresh is None else self._sought(decay.fresh, decay.labels, labels, 0)

    def _constant(self, decay: _Decay, labels: Sequence[int]) -> Node:
        values = decay.values
        if not close(values, values[..., :1].expand(values.shape)):
            raise NoProduct
        shape = [1, *(self._size(label) if label in decay.labels else 1 for label in labels)]
        return constant(self.samples, self.node, values[..., 0].reshape(shape).contiguous())

    def _sought(self, values: Tensor, own: Sequence[int], labels: Sequence[int], first: int) -> Node:
        """The node whose values, or the exponentials of whose values, these are."""
        sizes = [*(self._size(label) for label in own), self.length]
        for node in self.samples.unrolled.module.graph.nodes:
            if node is self.node:
                break
            value = self.samples.of(node)
            if value is None or not value.is_floating_point() or sorted(shape_of(node)) != sorted(sizes):
                continue
            for order in itertools.permutations(range(len(sizes))):
                if [shape_of(node)[k] for k in order] == sizes:
                    arranged = value.permute(order)[..., first:]
                    for exp in (False, True):
                        if close(arranged.exp() if exp else arranged, values):
                            found = apply(self.node, aten.exp.default, node) if exp else node
                            names: list[int | None] = [None] * len(order)
                            for to, axis in enumerate(order):
                                names[axis] = (*own, self.row)[to]
                            return self._placed(found, tuple(names), labels)
        raise NoProduct


def _arranged(value: Tensor, own: Labels, labels: Sequence[int]) -> Tensor:
    """Axes in the order of `labels`, of size 1 where it has none."""
    kept = [k for k, label in enumerate(own) if label is not None]
    value = value[tuple(slice(None) if k in kept else 0 for k in range(len(own)))]
    names = [own[k] for k in kept]
    value = value.permute([names.index(label) for label in labels if label in names])
    return value[tuple(slice(None) if label in names else None for label in labels)]


__all__ = ["Product", "rewrite_products"]
