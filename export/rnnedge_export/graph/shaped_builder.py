"""A value in the making: operators that know the shapes of what they give, symbolic dims included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_runtime.contract import Array, Dim


class ShapedBuilder:
    """Records nodes with a graph builder; each method returns a value whose type and shape are set."""

    def __init__(self, builder: GraphBuilder, like: ir.Value) -> None:
        """Every value has the type of `like`."""
        self._builder = builder
        self._type = like.type

    def op(self, op_type: str, shape: Sequence[Dim], *inputs: ir.Value | None, **attributes: Any) -> ir.Value:
        """One node whose output has `shape`."""
        value = self._builder.op(op_type, *inputs, **attributes)
        if value.producer() is not None:
            value.type, value.shape = self._type, ir.Shape(shape)
        return value

    def const(self, array: Array) -> ir.Value:
        """A constant."""
        return self._builder.const(array)

    def transposed(self, value: ir.Value, order: Sequence[int]) -> ir.Value:
        """Axes in another order."""
        if list(order) == list(range(len(order))):
            return value
        return self.op("Transpose", [shape_of(value)[i] for i in order], value, perm=list(order))

    def unsqueezed(self, value: ir.Value, axes: Sequence[int]) -> ir.Value:
        """New axes of 1 at `axes` of the result."""
        if not axes:
            return value
        shape = list(shape_of(value))
        for axis in sorted(axes):
            shape.insert(axis, 1)
        return self.op("Unsqueeze", shape, value, self._builder.ints(*axes))

    def squeezed(self, value: ir.Value, axes: Sequence[int]) -> ir.Value:
        """Without `axes`, which are 1."""
        if not axes:
            return value
        return self.op(
            "Squeeze", [d for i, d in enumerate(shape_of(value)) if i not in axes], value, self._builder.ints(*axes)
        )

    def tail(self, value: ir.Value, kept: int, after: Sequence[int]) -> ir.Value:
        """The axes from `kept` on, of fixed sizes, as `after`."""
        before = shape_of(value)
        if list(before[kept:]) == list(after):
            return value
        numbers = [0] * kept + list(after)
        return self.op("Reshape", [*before[:kept], *after], value, self._builder.const(np.array(numbers, np.int64)))


def shape_of(value: ir.Value | None) -> tuple[Dim, ...]:
    """The dims of a value that has a shape."""
    assert value is not None and value.shape is not None
    return tuple(d if isinstance(d, int) else str(d) for d in value.shape)
