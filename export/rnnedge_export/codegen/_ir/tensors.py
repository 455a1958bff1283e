"""Tensors of the generated program: index maps over buffers, and expressions over them.

A `View` says for every element of a tensor where it stands in a buffer. Reshape, transpose, slice, split, pad and a
gather by constants only rearrange that array of offsets while the code is written, so they cost nothing when it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from rnnedge_export.codegen._ir.expressions import ARITHMETIC, FIRST, Expression, functions

Array = npt.NDArray[Any]
Index = npt.NDArray[np.int64]

# What numbers are while they are computed; truth values and int32 are INT.
FLOAT, INT, BYTE = "float32", "int64", "uint8"
# An element of a view that is no element of its buffer, and reads as zero.
NOTHING = -1
# What may be read beyond a buffer of the program: a panel of the matrix kernel with the widest vectors.
SLACK = 32


class OutOfBuffer(ValueError):
    """An element that is not in its buffer: shapes, attributes or constants contradict each other."""


class Memory(Enum):
    """What a buffer is a part of."""

    WORK = "work"  # what a step works in; `memory_plan` finds the place
    FLOATS = "floats"  # constants of float32
    BYTES = "bytes"  # constants of int8
    INTEGERS = "integers"  # constants of int64
    STATES = "states"  # what a stream keeps, float32
    INTEGER_STATES = "integer states"  # what a stream keeps, int64
    PORT = "port"  # an array of the caller
    PAST = "past"  # the cache of a ring at the beginning of a step
    WINDOW = "window"  # that with the new frames
    MIRROR = "mirror"  # the second place of the new frames
    KEPT = "kept"  # the cache of a ring between two steps
    LOCAL = "local"  # a pointer that a statement declares


@dataclass(frozen=True, eq=False)
class Buffer:
    """A run of `size` numbers of `kind`: FLOAT, INT or BYTE.

    `at` says where it begins: elements of a memory of constants or states, the number of a ring, the name of a port or
    a pointer; None in the memory of a step. `dtype` is that of a port, which may be another one, such as bool.
    """

    memory: Memory
    at: int | str | None
    size: int
    kind: str
    dtype: str = ""

    @property
    def readable(self) -> int:
        """Elements that may be read: `SLACK` more than there are, except from the caller, whose memory ends there."""
        return self.size if self.memory is Memory.PORT else self.size + SLACK


@dataclass(frozen=True, eq=False)
class Span:
    """What a statement may touch of a buffer: `offset + i * step + j * step + ...`, each index below its count.

    `axes` are the pairs (count, step). Every statement says so of every buffer, and no span leaves its buffer: this is
    where the generated code is kept inside its memory, whatever the rules and the file say. `beyond`: it only reads,
    and what lies after the buffer does not matter.

    Raises `OutOfBuffer` for a span that leaves its buffer.
    """

    buffer: Buffer
    offset: int
    axes: tuple[tuple[int, int], ...] = ()
    beyond: bool = False

    def __post_init__(self) -> None:
        """Compare the ends with the buffer's."""
        if any(count <= 0 for count, _ in self.axes):
            return
        steps = [(count - 1) * step for count, step in self.axes]
        low, high = self.offset + sum(min(0, one) for one in steps), self.offset + sum(max(0, one) for one in steps)
        end = self.buffer.readable if self.beyond else self.buffer.size
        if low < 0 or high >= end:
            raise OutOfBuffer(f"elements {low} to {high} of a buffer of {self.buffer.size}")


@dataclass(frozen=True, eq=False)
class View:
    """`index` (the tensor's shape) are offsets into `buffer`, or `NOTHING`.

    Raises `OutOfBuffer` for an offset that is not in the buffer.
    """

    buffer: Buffer
    index: Index

    def __post_init__(self) -> None:
        """Compare the least and the largest offset with the buffer's ends."""
        if self.index.size and not (self.index.min() >= NOTHING and self.index.max() < self.buffer.size):
            raise OutOfBuffer(f"elements {self.index.min()} to {self.index.max()} of a buffer of {self.buffer.size}")

    def strides(self) -> tuple[int, tuple[int, ...]] | None:
        """Offset and strides in elements where the index is affine, 0 along axes of length 1; else None."""
        return affine(self.index)


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of numbers that are computed, one by one, from elements of buffers.

    `expression` is one of elements of `views`, all of one shape. `costly` says that it is worth a buffer rather than a
    second evaluation.
    """

    expression: Expression
    views: tuple[View, ...]
    shape: tuple[int, ...]
    kind: str = FLOAT
    costly: bool = False

    @property
    def view(self) -> View | None:
        """The view, where the tensor is nothing but one."""
        return self.views[0] if self.expression == FIRST and self.views[0].buffer.kind == self.kind else None

    @property
    def arithmetic(self) -> bool:
        """Whether no function in it needs more than a few instructions."""
        return not self.costly and functions(self.expression) <= ARITHMETIC

    def rearranged(self, move: Callable[[Index], Array]) -> Tensor:
        """The tensor whose elements are those that `move` picks: it maps an array of offsets to another one."""
        views = tuple(View(v.buffer, np.asarray(move(v.index), np.int64)) for v in self.views)
        shape = views[0].index.shape if views else np.asarray(move(np.zeros(self.shape, np.int64))).shape
        return Tensor(self.expression, views, shape, self.kind, self.costly)


def whole(buffer: Buffer, shape: tuple[int, ...], order: tuple[int, ...] | None = None) -> View:
    """All of a buffer as `shape`; `order` names the axes from the slowest to the fastest in memory."""
    order = order or tuple(range(len(shape)))
    index = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.int64).reshape([shape[axis] for axis in order])
    return View(buffer, index.transpose(np.argsort(order)) if len(shape) else index.reshape(()))


def all_of(buffer: Buffer) -> Span:
    """The span of a whole buffer."""
    return Span(buffer, 0, ((buffer.size, 1),))


def plain(view: View) -> Tensor:
    """A view as a tensor."""
    return Tensor(FIRST, (view,), view.index.shape, view.buffer.kind)


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
