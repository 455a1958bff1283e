"""Numbers of few bits, held as float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, constant

Array = npt.NDArray[Any]
RANGES = {
    ir.DataType.UINT8: (0, 255),
    ir.DataType.INT8: (-128, 127),
    ir.DataType.UINT16: (0, 65_535),
    ir.DataType.INT16: (-32_768, 32_767),
}
"""The least and the most of the types that are held."""


def whole(builder: GraphBuilder, value: ir.Value) -> ir.Value:
    """The same numbers as float32."""
    array = constant(value)
    if array is not None:
        return builder.const(array.astype(np.float32), "held")
    return value if value.dtype is ir.DataType.FLOAT else builder.op("Cast", value, to=int(ir.DataType.FLOAT))


def number(builder: GraphBuilder, array: Any) -> ir.Value:
    """A constant of float32."""
    return builder.const(np.asarray(array, np.float32), "number")


class Unusual(Exception):
    """A node has a form that no rule writes: it stays, and is refused by its name."""


@dataclass(frozen=True, eq=False)
class Grid:
    """The numbers (q - zero) * scale, q of the type of `zero`."""

    scale: Array
    zero: Array


def given(node: ir.Node, index: int) -> ir.Value | None:
    """Input `index`, None if there is none."""
    return node.inputs[index] if index < len(node.inputs) else None


def needed(node: ir.Node, index: int) -> ir.Value:
    """Input `index`."""
    value = given(node, index)
    if value is None:
        raise Unusual
    return value


def fixed(node: ir.Node, index: int) -> Array | None:
    """The array of a constant input, None if there is none."""
    value = given(node, index)
    array = None if value is None else constant(value)
    if value is not None and array is None:
        raise Unusual
    return array


def stated(node: ir.Node, index: int) -> Array:
    """The array of a constant input."""
    array = fixed(node, index)
    if array is None:
        raise Unusual
    return array


def grid(node: ir.Node, index: int) -> Grid:
    """A scale of float32 and the zero point after it, 0 of uint8 if there is none."""
    scale, zero = stated(node, index), fixed(node, index + 1)
    zero = np.zeros((), np.uint8) if zero is None else zero
    if scale.dtype != np.float32 or ir.DataType.from_numpy(zero.dtype) not in RANGES:
        raise Unusual
    return Grid(scale, zero)


def bounds(zero: Array) -> tuple[int, int]:
    """The least and the most of the type of a zero point."""
    return RANGES[ir.DataType.from_numpy(zero.dtype)]


def shifted(builder: GraphBuilder, x: ir.Value, zero: Array) -> ir.Value:
    """x - zero point."""
    return builder.op("Sub", x, number(builder, zero)) if np.any(zero) else x


def dequantized(builder: GraphBuilder, x: ir.Value, own: Grid) -> ir.Value:
    """(x - zero point) * scale."""
    return builder.op("Mul", shifted(builder, whole(builder, x), own.zero), number(builder, own.scale))


def quantized(builder: GraphBuilder, x: ir.Value, own: Grid) -> ir.Value:
    """round(x / scale) + zero point, within the type."""
    return rounded(builder, builder.op("Div", x, number(builder, own.scale)), own.zero)


def rounded(builder: GraphBuilder, x: ir.Value, zero: Array) -> ir.Value:
    """The nearest whole number of the grid around the zero point: to even, as ONNX says, then kept within its type."""
    q = builder.op("Round", x)
    q = builder.op("Add", q, number(builder, zero)) if np.any(zero) else q
    low, high = bounds(zero)
    return builder.op("Clip", q, number(builder, low), number(builder, high))
