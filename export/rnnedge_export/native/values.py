"""Tensors of the generated program: index maps over buffers, and expressions over them.

A `View` says for every element of a tensor where it stands in a buffer. Reshape, transpose, slice, split, pad and a
gather by constants only rearrange that array of offsets while the code is written, so they cost nothing when it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Index = npt.NDArray[np.int64]

FLOAT, INT, BYTE = "float", "int64_t", "uint8_t"
# An element of a view that is no element of its buffer, and reads as zero.
NOTHING = -1


@dataclass(frozen=True, eq=False)
class Buffer:
    """A run of `size` numbers. `address` is the C expression of the first one, of C type `kind`: FLOAT, INT or BYTE.

    Every buffer may be read a vector beyond its end. `ctype` is the type that a port of the caller has, where it is
    another one, such as a bool.
    """

    address: str
    size: int
    kind: str
    ctype: str = ""


@dataclass(frozen=True, eq=False)
class View:
    """`index` (the tensor's shape) are offsets into `buffer`, or `NOTHING`."""

    buffer: Buffer
    index: Index

    def strides(self) -> tuple[int, tuple[int, ...]] | None:
        """Offset and strides in elements where the index is affine, 0 along axes of length 1; else None."""
        return affine(self.index)


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of numbers that are computed, one by one, from elements of buffers.

    `template` is a C expression of `{0}`, `{1}`, ... which stand for the elements of `views`, all of one shape.
    `costly` says that it is worth a buffer rather than a second evaluation.
    """

    template: str
    views: tuple[View, ...]
    shape: tuple[int, ...]
    kind: str = FLOAT
    costly: bool = False

    @property
    def view(self) -> View | None:
        """The view, where the tensor is nothing but one."""
        return self.views[0] if self.template == "{0}" and self.views[0].buffer.kind == self.kind else None

    def rearranged(self, move: Callable[[Index], Array]) -> Tensor:
        """The tensor whose elements are those that `move` picks: it maps an array of offsets to another one."""
        views = tuple(View(v.buffer, np.asarray(move(v.index), np.int64)) for v in self.views)
        shape = views[0].index.shape if views else np.asarray(move(np.zeros(self.shape, np.int64))).shape
        return Tensor(self.template, views, shape, self.kind, self.costly)


def whole(buffer: Buffer, shape: tuple[int, ...], order: tuple[int, ...] | None = None) -> View:
    """All of a buffer as `shape`; `order` names the axes from the slowest to the fastest in memory."""
    order = order or tuple(range(len(shape)))
    index = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.int64).reshape([shape[axis] for axis in order])
    return View(buffer, index.transpose(np.argsort(order)) if len(shape) else index.reshape(()))


def plain(view: View) -> Tensor:
    """A view as a tensor."""
    return Tensor("{0}", (view,), view.index.shape, view.buffer.kind)


def affine(index: Index) -> tuple[int, tuple[int, ...]] | None:
    """Offset and strides of an affine index, 0 along axes of length 1; None where it is not affine."""
    if not index.size or index.min() < 0:
        return None
    first = int(index.flat[0])
    strides = tuple(
        int(index[tuple(int(other == axis) for other in range(index.ndim))]) - first if length > 1 else 0
        for axis, length in enumerate(index.shape)
    )
    expected = np.full(index.shape, first, np.int64)
    for axis, (length, stride) in enumerate(zip(index.shape, strides, strict=True)):
        ramp = np.arange(length, dtype=np.int64) * stride
        expected += ramp.reshape([-1 if other == axis else 1 for other in range(index.ndim)])
    return (first, strides) if np.array_equal(expected, index) else None


def permuted(index: Index) -> tuple[int, ...]:
    """The axes of an affine index from the slowest to the fastest; those of length 1 come first."""
    found = affine(index)
    strides = found[1] if found else tuple(range(index.ndim, 0, -1))
    return tuple(
        sorted(range(index.ndim), key=lambda a: -abs(strides[a]) if index.shape[a] > 1 else -cast(int, np.inf))
    )
