"""Products that `onnxruntime.quantization.quantize_dynamic` wrote, with operators that a strict loader reads.

1. DynamicQuantizeLinear: the range of the whole call, its scale and zero point, then QuantizeLinear.
2. MatMulInteger whose result is cast to float32: MatMulIntegerToFloat of unit scales. What the zero point of the frames
   adds is a multiple of the columns' sums, and is taken off. Rows are cut in blocks so short that every sum is exact.

Both are what onnxruntime computes, number by number: ONNX, DynamicQuantizeLinear; onnxruntime, quantization.h.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.streaming.facts import constant
from rnnedge_runtime.errors import ModelRefused

# 512 products of 255 and 128 are less than 2 ** 24, up to which float32 has every whole number.
_BLOCK = 512
_DOMAIN = "com.microsoft"


def ranges_over_calls(proto: onnx.ModelProto) -> bool:
    """Whether a call is quantized by its own range: two sequences in one call would change each other."""
    return any(node.op_type.startswith("DynamicQuantize") and "LSTM" not in node.op_type for node in proto.graph.node)


def check_no_ranges(proto: onnx.ModelProto, name: str) -> None:
    """Raise `ModelRefused` for a file for whole sequences one of whose frames changes what all others are."""
    node = next((node for node in proto.graph.node if node.op_type.startswith("DynamicQuantize")), None)
    if node is not None:
        raise ModelRefused(
            f"{name}: node {node.name[:60]!r}: {node.op_type} quantizes by the range of the whole sequence, so a frame "
            "to come changes what has been; quantize with quantize_static, or convert the file that is not quantized "
            "with --precision int8"
        )


def write_dynamic_int8(model: ir.Model) -> None:
    """Cases 1 and 2 in the main graph, in place; what has another form stays."""
    builder = GraphBuilder(model)
    for node in list(model.graph):
        if node.domain:
            continue
        if node.op_type == "DynamicQuantizeLinear":
            _replace(model, node, list(node.outputs), _quantized(builder, node), builder)
        casts = [reader for reader, _ in node.outputs[0].uses()] if node.op_type == "MatMulInteger" else []
        if casts and all(_is_cast(reader) for reader in casts):
            product = _product(builder, node)
            if product is not None:
                model.graph.insert_before(node, builder.take())
                for cast in casts:
                    _replace(model, cast, [cast.outputs[0]], [product], builder)
                model.graph.remove(node, safe=True)
                model.opset_imports.setdefault(_DOMAIN, 1)


def _replace(model: ir.Model, node: ir.Node, old: list[ir.Value], new: list[ir.Value], builder: GraphBuilder) -> None:
    model.graph.insert_before(node, builder.take())
    for before, after in zip(old, new, strict=True):
        ir.convenience.replace_all_uses_with(before, after, replace_graph_outputs=True)
    model.graph.remove(node, safe=True)


def _quantized(builder: GraphBuilder, node: ir.Node) -> list[ir.Value]:
    """Case 1: the integers, the scale and the zero point."""
    x = node.inputs[0]
    zero, most = _number(builder, 0), _number(builder, 255)
    low = builder.op("Min", builder.op("ReduceMin", x, keepdims=0), zero)
    high = builder.op("Max", builder.op("ReduceMax", x, keepdims=0), zero)
    wide = builder.op("Sub", high, low)
    scale = builder.op("Where", builder.op("Equal", high, low), _number(builder, 1), builder.op("Div", wide, most))
    place = builder.op("Sub", zero, builder.op("Div", low, scale))
    nearest = builder.op("Round", builder.op("Max", zero, builder.op("Min", most, place)))
    point = builder.op("Cast", nearest, to=int(ir.DataType.UINT8))
    return [builder.op("QuantizeLinear", x, scale, point), scale, point]


def _product(builder: GraphBuilder, node: ir.Node) -> ir.Value | None:
    """Case 2; None for weights that are no constant matrix, or not of int8 or uint8."""
    x, weights, x_zero, zero = (*node.inputs, None, None)[:4]
    q = None if weights is None else constant(weights)
    given = None if zero is None else constant(zero)
    if q is None or q.ndim != 2 or min(q.shape) < 1 or x is None or (zero is not None and given is None):
        return None
    shift = np.zeros(1, q.dtype) if given is None else given.reshape(-1)
    if shift.size not in (1, q.shape[1]) or q.dtype not in (np.int8, np.uint8) or x.dtype is ir.DataType.INT8:
        return None
    starts = range(0, len(q), _BLOCK)
    sizes = [min(_BLOCK, len(q) - start) for start in starts]
    parts = [x]
    if len(sizes) > 1:
        parts = builder.ops("Split", x, builder.ints(*sizes), outputs=len(sizes), axis=-1)
    sums = [
        _block(builder, part, x_zero, q[start : start + size], shift)
        for part, start, size in zip(parts, starts, sizes, strict=True)
    ]
    total = sums[0]
    for one in sums[1:]:
        total = builder.op("Add", total, one)
    return total


def _block(builder: GraphBuilder, x: ir.Value, x_zero: ir.Value | None, q: np.ndarray, shift: np.ndarray) -> ir.Value:
    """(x - zero point) times (q - shift), exactly."""
    one, none = builder.const(np.ones(1, np.float32), "one"), builder.const(np.zeros(1, np.uint8), "zero")
    scales = builder.const(np.ones(shift.shape, np.float32), "ones")
    held = (builder.const(np.ascontiguousarray(q), "weights"), builder.const(shift, "shift"))
    y = builder.op("MatMulIntegerToFloat", x, held[0], one, scales, none, held[1], domain=_DOMAIN)
    if x_zero is None:
        return y
    columns = (q.astype(np.int64) - shift.astype(np.int64)).sum(0).astype(np.float32)
    point = builder.op("Cast", x_zero, to=int(ir.DataType.FLOAT))
    return builder.op("Sub", y, builder.op("Mul", point, builder.const(columns, "sums")))


def _is_cast(node: ir.Node) -> bool:
    return node.op_type == "Cast" and node.attributes.get_int("to", 0) == int(ir.DataType.FLOAT)


def _number(builder: GraphBuilder, value: float) -> ir.Value:
    return builder.const(np.array(value, np.float32), "number")
