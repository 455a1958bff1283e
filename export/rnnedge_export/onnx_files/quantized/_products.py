"""Products of integers: exact sums, one factor for all or for each column, then the grid of the result.

1. QLinearConv, QLinearMatMul, QGemm: round(sum * (scale of x * scale of weights / scale of y)) + zero point.
2. MatMulIntegerToFloat, QGemm without a scale of y: sum * scale + bias.
3. ConvInteger: the sum.

Source: onnxruntime, qlinearconv.cc, quant_gemm.cc; MLAS, qgemm and quantize.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, constant
from rnnedge_export.onnx_files.quantized._exact_sums import Part, summed
from rnnedge_export.onnx_files.quantized._whole import (
    RANGES,
    Array,
    Grid,
    Unusual,
    fixed,
    given,
    grid,
    needed,
    number,
    rounded,
    shifted,
    stated,
    whole,
)


def gives_float(node: ir.Node) -> bool:
    """Case 2."""
    return node.op_type == "MatMulIntegerToFloat" or (node.op_type == "QGemm" and given(node, 7) is None)


def _convolution(builder: GraphBuilder, node: ir.Node) -> ir.Value:
    """QLinearConv: x, scale, zero, w (M, C / groups, ...), scale, zero, scale of y, zero of y, bias (M)."""
    w, of_x, of_w, of_y = stated(node, 3), grid(node, 1), grid(node, 4), grid(node, 6)
    if node.attributes.get_int("channels_last", 0):
        raise Unusual
    x = shifted(builder, whole(builder, needed(node, 0)), of_x.zero)
    total = _convolved(builder, node, x, of_x.zero, w, of_w.zero, fixed(node, 8))
    factor = _with_axes(of_x.scale * of_w.scale / of_y.scale, w.ndim - 2)
    return rounded(builder, builder.op("Mul", total, number(builder, factor)), of_y.zero)


def _integer_convolution(builder: GraphBuilder, node: ir.Node) -> ir.Value:
    """ConvInteger: x, w, zero of x, zero of w; the zero of x may be computed."""
    w, shift, zero = stated(node, 1), fixed(node, 3), given(node, 2)
    x = whole(builder, needed(node, 0))
    if zero is not None:
        x = builder.op("Sub", x, whole(builder, zero))
    shift = np.zeros((), w.dtype) if shift is None else shift
    total = _convolved(builder, node, x, np.zeros((), np.uint8), w, shift, None)
    return builder.op("Cast", total, to=int(ir.DataType.INT32))


def _convolved(
    builder: GraphBuilder, node: ir.Node, x: ir.Value, zero: Array, w: Array, shift: Array, bias: Array | None
) -> ir.Value:
    kept = {k: a for k, a in node.attributes.items() if k != "channels_last"}
    weights = w.astype(np.float32) - _with_axes(shift.astype(np.float32), w.ndim - 1)
    groups = node.attributes.get_int("group", 1)

    def conv(part: Part) -> ir.Value:
        inputs = [part.x, number(builder, part.weights), *([] if part.bias is None else [number(builder, part.bias)])]
        return builder.add(ir.Node("", "Conv", inputs, kept.values())).outputs[0]

    whole_product = Part(x, weights, bias)
    trailing = tuple(1 for _ in w.shape[2:])
    return summed(builder, whole_product, zero, conv, axes=(0, 1 if groups == 1 else None), of_x=1, trailing=trailing)


def _product(builder: GraphBuilder, node: ir.Node) -> ir.Value:
    """QLinearMatMul: a, scale, zero, b, scale, zero, scale of y, zero of y; b may be computed."""
    of_a, of_b, of_y = grid(node, 1), grid(node, 4), grid(node, 6)
    total = _multiplied(builder, node, of_a, needed(node, 3), of_b)
    factor = number(builder, of_a.scale * of_b.scale / of_y.scale)
    return rounded(builder, builder.op("Mul", total, factor), of_y.zero)


def _to_float(builder: GraphBuilder, node: ir.Node) -> ir.Value:
    """MatMulIntegerToFloat: a, b, both scales, both zeros, a bias of float32."""
    zeros = [np.zeros((), np.uint8) if zero is None else zero for zero in (fixed(node, 4), fixed(node, 5))]
    of_a, of_b = (Grid(stated(node, 2 + i), zero) for i, zero in enumerate(zeros))
    if of_a.scale.dtype != np.float32 or ir.DataType.from_numpy(of_a.zero.dtype) not in RANGES:
        raise Unusual
    total = _multiplied(builder, node, of_a, needed(node, 1), of_b)
    y, bias = builder.op("Mul", total, number(builder, of_a.scale * of_b.scale)), given(node, 6)
    return y if bias is None else builder.op("Add", y, bias)


def _multiplied(builder: GraphBuilder, node: ir.Node, of_a: Grid, b: ir.Value, of_b: Grid) -> ir.Value:
    """(a - zero) @ (b - zero)."""
    a, held = shifted(builder, whole(builder, needed(node, 0)), of_a.zero), constant(b)
    if held is None:
        return builder.op("MatMul", a, shifted(builder, whole(builder, b), of_b.zero))
    return _rows(builder, a, of_a.zero, held.astype(np.float32) - of_b.zero.astype(np.float32), None)


def _gemm(builder: GraphBuilder, node: ir.Node) -> ir.Value:
    """QGemm: a, scale, zero, b, scale, zero, c (int32), scale of y, zero of y."""
    b, of_a, of_b, flags = stated(node, 3), grid(node, 1), grid(node, 4), node.attributes
    if flags.get_int("transA", 0):
        raise Unusual
    weights = b.astype(np.float32) - _with_axes(of_b.zero.astype(np.float32), 1 if flags.get_int("transB", 0) else 0)
    weights = weights.T if flags.get_int("transB", 0) else weights
    a = shifted(builder, whole(builder, needed(node, 0)), of_a.zero)
    total = _rows(builder, a, of_a.zero, weights, fixed(node, 6))
    factor = np.float32(flags.get_float("alpha", 1.0)) * of_a.scale * of_b.scale
    if gives_float(node):
        return builder.op("Mul", total, number(builder, factor))
    of_y = grid(node, 7)
    return rounded(builder, builder.op("Mul", total, number(builder, factor / of_y.scale)), of_y.zero)


def _rows(builder: GraphBuilder, a: ir.Value, zero: Array, weights: Array, bias: Array | None) -> ir.Value:
    """a @ weights + bias, exactly."""

    def product(part: Part) -> ir.Value:
        y = builder.op("MatMul", part.x, number(builder, part.weights))
        return y if part.bias is None else builder.op("Add", y, number(builder, part.bias))

    last = weights.ndim - 1
    axes = (last, last - 1) if last else (None, 0)
    return summed(builder, Part(a, weights, bias), zero, product, axes=axes, of_x=-1)


def _with_axes(array: Array, trailing: int) -> Array:
    """One number, or one for each channel with `trailing` axes after it."""
    return array.reshape(()) if array.size == 1 else array.reshape(-1, *(1 for _ in range(trailing)))


RULES = {
    "QLinearConv": _convolution,
    "com.microsoft::QLinearConv": _convolution,
    "ConvInteger": _integer_convolution,
    "QLinearMatMul": _product,
    "com.microsoft::QGemm": _gemm,
    "com.microsoft::MatMulIntegerToFloat": _to_float,
}
