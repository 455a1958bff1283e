"""A value over frames as a sum of products of smaller ones: what is behind it up to where pairs of frames begin.

    y[b, t, p] = sum over s, n of q[b, t, n] k[b, s, n] decay[t, s] v[b, s, p]

1. Every axis of every factor has a label; an axis of size 1 that is repeated has none.
2. Products, quotients, `einsum`, sums over axes, masks and moved axes are followed; a value over pairs of frames
   that is none of these, and every value over single frames, is a factor.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from rnnedge_export.capture.loops import aten, shape_of
from rnnedge_export.capture.scans._samples import Samples

Labels = tuple["int | None", ...]
_ALIASES = {
    aten.clone.default, aten.contiguous.default, aten.alias.default, aten.detach.default, aten.to.dtype,
    aten._to_copy.default, aten.type_as.default, aten.to.dtype_layout, aten.dropout.default,
}  # fmt: skip


class NoProduct(Exception):
    """The value is no sum of products."""


@dataclass(frozen=True)
class Factor:
    """A value with a label for each axis. `keep`: where a mask is not set, and no node; `over`: it divides."""

    node: Node | None
    labels: Labels
    keep: Tensor | None = None
    over: bool = False


@dataclass
class Product:
    """`sizes`: of the labels; `scale`: a number that all is multiplied by."""

    factors: list[Factor] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)
    scale: float = 1.0


class Factoring:
    """Follows one value."""

    def __init__(self, samples: Samples) -> None:
        self.samples, self.length = samples, samples.length
        self.product = Product()
        self._new = itertools.count()

    def label(self, size: int) -> int:
        """A new one."""
        name = next(self._new)
        self.product.sizes[name] = size
        return name

    def of(self, node: Node) -> tuple[Product, Labels]:
        """The product, and the labels of the value's axes. Raises `NoProduct`."""
        labels = tuple(self.label(size) for size in shape_of(node))
        if not self._operator(node, labels, root=True):
            raise NoProduct
        return self.product, labels

    def _follow(self, node: Node, labels: Labels) -> None:
        pairs = sum(size == self.length for size in shape_of(node)) > 1
        if not pairs or not self._operator(node, labels):
            self._add(node, labels)

    def _add(self, node: Node, labels: Labels, *, over: bool = False) -> None:
        self.product.factors.append(Factor(node, labels, over=over))

    def _operator(self, node: Node, labels: Labels, *, root: bool = False) -> bool:
        """Case 2; whether it is one of those."""
        args: tuple[Any, ...] = node.args
        target = node.target
        if target in _ALIASES:
            self._follow(args[0], labels)
        elif target in (aten.mul.Tensor, aten.div.Tensor, aten.mul.Scalar, aten.div.Scalar):
            return self._quotient(args[0], args[1], labels, over=target in (aten.div.Tensor, aten.div.Scalar))
        elif target in (aten.matmul.default, aten.bmm.default, aten.mm.default):
            return self._matmul(args[0], args[1], labels)
        elif target is aten.einsum.default:
            return self._einsum(args[0], args[1], labels)
        elif target is aten.sum.dim_IntList:
            self._sum(args[0], args[1], len(args) > 2 and bool(args[2]), labels)
        elif target is aten.masked_fill.Scalar and args[2] == 0:
            self._mask(args[1], labels, keeps=False)
            self._follow(args[0], labels)
        elif target in (aten.tril.default, aten.triu.default):
            size = shape_of(args[0])[-2:]
            keep = (torch.tril if target is aten.tril.default else torch.triu)(torch.ones(size), *args[1:])
            self.product.factors.append(Factor(None, labels[-2:], keep))
            self._follow(args[0], labels)
        else:
            return self._moved(node, labels)
        return True

    def _moved(self, node: Node, labels: Labels) -> bool:
        args: tuple[Any, ...] = node.args
        rank = len(shape_of(args[0])) if args and isinstance(args[0], Node) else 0
        if node.target is aten.permute.default:
            inner: list[int | None] = [None] * rank
            for to, axis in enumerate(args[1]):
                inner[axis] = labels[to]
        elif node.target in (aten.transpose.int, aten.t.default, aten.mT.default):
            a, b = args[1:] if node.target is aten.transpose.int else (-2, -1)
            inner = list(labels)
            inner[a], inner[b] = inner[b], inner[a]
        elif node.target is aten.unsqueeze.default:
            inner = list(labels)
            inner.pop(args[1] % (rank + 1))
        elif node.target is aten.expand.default:
            inner = list(self._aligned(args[0], labels))
        else:
            return False
        self._follow(args[0], tuple(inner))
        return True

    def _aligned(self, node: Node, labels: Labels) -> Labels:
        """The labels of an operand that is repeated along the axes of a result."""
        shape = shape_of(node)
        own = labels[len(labels) - len(shape) :]
        return tuple(None if size == 1 and self._size(label) != 1 else label
                     for size, label in zip(shape, own, strict=True))  # fmt: skip

    def _size(self, label: int | None) -> int:
        return 1 if label is None else self.product.sizes[label]

    def _quotient(self, a: Any, b: Any, labels: Labels, *, over: bool) -> bool:
        if over and isinstance(b, Node) and sum(size == self.length for size in shape_of(b)) > 1:
            return False
        for value, divides in ((a, False), (b, over)):
            if not isinstance(value, Node):
                self.product.scale *= 1 / value if divides else value
            elif divides:
                self._add(value, self._aligned(value, labels), over=True)
            else:
                self._follow(value, self._aligned(value, labels))
        return True

    def _matmul(self, a: Node, b: Node, labels: Labels) -> bool:
        if len(shape_of(a)) < 2 or len(shape_of(b)) < 2:
            return False
        inner = self.label(shape_of(a)[-1])
        self._follow(a, (*self._aligned_front(a, labels), labels[-2], inner))
        self._follow(b, (*self._aligned_front(b, labels), inner, labels[-1]))
        return True

    def _aligned_front(self, node: Node, labels: Labels) -> Labels:
        shape = shape_of(node)[:-2]
        own = labels[len(labels) - 2 - len(shape) : -2]
        return tuple(None if size == 1 and self._size(label) != 1 else label
                     for size, label in zip(shape, own, strict=True))  # fmt: skip

    def _einsum(self, equation: str, operands: Sequence[Node], labels: Labels) -> bool:
        given, _, result = equation.replace(" ", "").partition("->")
        if "." in equation or (not result and len(labels)):
            return False
        names = dict(zip(result, labels, strict=True))
        for part, operand in zip(given.split(","), operands, strict=True):
            for letter, size in zip(part, shape_of(operand), strict=True):
                if letter not in names:
                    names[letter] = self.label(size)
        for part, operand in zip(given.split(","), operands, strict=True):
            if len(set(part)) < len(part):
                return False
            self._follow(operand, tuple(names[letter] for letter in part))
        return True

    def _sum(self, value: Node, axes: Sequence[int], keeps: bool, labels: Labels) -> None:
        rank = len(shape_of(value))
        over, rest = {axis % rank for axis in axes}, list(labels)
        inner: list[int | None] = []
        for axis, size in enumerate(shape_of(value)):
            if axis not in over:
                inner.append(rest.pop(0))
            else:
                inner.append(self.label(size))
                if keeps:
                    rest.pop(0)
        self._follow(value, tuple(inner))

    def _mask(self, mask: Node, labels: Labels, *, keeps: bool) -> None:
        value = self.samples.of(mask)
        if value is None:
            raise NoProduct
        keep = value if keeps else ~value
        self.product.factors.append(Factor(None, self._aligned(mask, labels), keep.to(torch.float32)))
