"""QuantizeLinear and DequantizeLinear, of one scale or one along an axis. Source: ONNX; onnxruntime, quantize.cpp."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, constant
from rnnedge_export.onnx_files.quantized._whole import (
    Array,
    Grid,
    Unusual,
    dequantized,
    fixed,
    given,
    grid,
    needed,
    quantized,
    stated,
)

_TYPES = {int(ir.DataType.INT8): np.int8, int(ir.DataType.UINT16): np.uint16, int(ir.DataType.INT16): np.int16}


def _quantize(builder: GraphBuilder, node: ir.Node) -> ir.Value:
    """round(x / scale) + zero point; the type is that of the zero point, else the one that the node names."""
    own = grid(node, 1)
    if node.attributes.get_int("block_size", 0):
        raise Unusual
    zero = own.zero
    if given(node, 2) is None:
        zero = np.zeros((), _TYPES.get(node.attributes.get_int("output_dtype", 0), np.uint8))
    return quantized(builder, needed(node, 0), Grid(_along(node, own.scale), _along(node, zero)))


def _dequantize(builder: GraphBuilder, node: ir.Node) -> ir.Value:
    """(x - zero point) * scale; of weights of any whole type, computed here."""
    x = needed(node, 0)
    array = constant(x)
    if array is None:
        own = grid(node, 1)
        return dequantized(builder, x, Grid(_along(node, own.scale), _along(node, own.zero)))
    scale, zero = stated(node, 1), fixed(node, 2)
    if scale.dtype != np.float32:
        raise Unusual
    apart = array.astype(np.int64)
    if zero is not None:
        apart = apart - _blocks(node, zero, array).astype(np.int64)
    return builder.const(apart.astype(np.float32) * _blocks(node, scale, array), "weights")


def _along(node: ir.Node, array: Array) -> Array:
    """One number as it is, several along the axis that the node names."""
    if array.size == 1:
        return array.reshape(())
    x = needed(node, 0)
    held = constant(x)
    shape = x.shape if held is None else held.shape
    if shape is None or array.ndim != 1:
        raise Unusual
    axis = node.attributes.get_int("axis", 1) % len(shape)
    return array.reshape([-1 if i == axis else 1 for i in range(len(shape))])


def _blocks(node: ir.Node, array: Array, x: Array) -> Array:
    """The same with a number for every `block_size` values along the axis."""
    size = node.attributes.get_int("block_size", 0)
    if not size or array.ndim != x.ndim:
        return _along(node, array)
    axis = node.attributes.get_int("axis", 1) % x.ndim
    return np.repeat(array, size, axis).take(range(x.shape[axis]), axis)


RULES = {"QuantizeLinear": _quantize, "DequantizeLinear": _dequantize}
