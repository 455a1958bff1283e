"""What a program is made of: its ports, its states, and everything in its place."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from rnnedge_export.codegen._ir.memory_plan import MemoryPlan
from rnnedge_export.codegen._ir.program import Step
from rnnedge_export.codegen._ir.ring_buffers import Ring
from rnnedge_export.codegen._ir.tensors import FLOAT, INT, Array, Buffer, Memory, View, whole
from rnnedge_runtime.contract import State


@dataclass(frozen=True)
class StepPort:
    """An array that a step gets or gives: the graph's name, numpy's dtype, and its shape.

    Of several steps in one call: their number is `steps`, and `axis` of the shape holds their frames. In memory they
    stand one step after the other.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    steps: int = 1
    axis: int = 0

    @property
    def size(self) -> int:
        """Elements of all sequences."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """The same in bytes."""
        return self.size * np.dtype(self.dtype).itemsize

    def view(self) -> View:
        """The array in memory of the caller."""
        kind = FLOAT if self.dtype == "float32" else INT
        buffer, shape, axis = Buffer(Memory.PORT, self.name, self.size, kind, self.dtype), self.shape, self.axis
        if self.steps == 1:
            return whole(buffer, shape)
        apart = (self.steps, *shape[:axis], shape[axis] // self.steps, *shape[axis + 1 :])
        index = np.arange(self.size, dtype=np.int64).reshape(apart)
        return View(buffer, np.moveaxis(index, 0, axis).reshape(shape))


@dataclass(frozen=True, eq=False)
class StepState:
    """A state: where a step finds its numbers, the values that it starts from, and its ring where it is a cache."""

    state: State
    view: View
    initial: Array
    ring: Ring | None = None

    @property
    def read_at(self) -> View:
        """Where its numbers stand between two steps."""
        return self.ring.standing() if self.ring else self.view

    @property
    def written_at(self) -> tuple[View, ...]:
        """Where they have to be written between two steps."""
        return self.ring.beginnings() if self.ring else (self.view,)


@dataclass(frozen=True)
class StepProgram:
    """A program with everything in place; `floats` and `integers` are the sizes of its states.

    `refuses`: a step may find numbers that nothing can be computed from.
    `steps_at_once`: how many steps one call of it makes.
    """

    batch: int
    inputs: tuple[StepPort, ...]
    outputs: tuple[StepPort, ...]
    states: tuple[StepState, ...]
    steps: tuple[Step, ...]
    memory: MemoryPlan
    floats: int
    integers: int
    refuses: bool
    steps_at_once: int = 1

    @property
    def rings(self) -> tuple[Ring, ...]:
        """Those of the states, by number."""
        return tuple(one.ring for one in self.states if one.ring)

    @property
    def stream_bytes(self) -> int:
        """Memory of a stream: its states, and what a step works in."""
        return 4 * (self.floats + self.memory.floats) + 8 * (self.integers + self.memory.integers)

    @property
    def memory_bytes(self) -> int:
        """Memory of a stream, and of the arrays of its inputs and outputs."""
        return self.stream_bytes + sum(port.bytes for port in (*self.inputs, *self.outputs))
