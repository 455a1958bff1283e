"""Functions of quantized values, by the tables of onnxruntime's own kernels.

1. QLinearSigmoid, QLinearLeakyRelu: of one byte, 256 results. QLinearAdd, QLinearMul: of two, 65,536.
2. QLinearConcat: every part on the grid of the result.
3. QLinearSoftmax: a table of exponentials, their sum in the order of the kernel, one rounding.
4. QLinearAveragePool, QLinearGlobalAveragePool: the mean in float32, rounded.

Source: onnxruntime, contrib_ops/cpu/quantization.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import exp, log

import numpy as np
import onnx
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.graph.cpu_session import session
from rnnedge_export.onnx_files.quantized._whole import (
    Array,
    Unusual,
    bounds,
    dequantized,
    grid,
    needed,
    number,
    quantized,
    rounded,
    shifted,
    stated,
    whole,
)

_BYTES = 256
_RESERVED = 5
"""Powers of e that the kernel of softmax keeps below the largest float32."""


def _of_one(builder: GraphBuilder, node: ir.Node) -> ir.Value:
    """x, scale, zero, scale of y, zero of y."""
    return _tabled(builder, node, (0,))


def _of_two(builder: GraphBuilder, node: ir.Node) -> ir.Value:
    """a, scale, zero, b, scale, zero, scale of y, zero of y."""
    return _tabled(builder, node, (0, 3))


def _tabled(builder: GraphBuilder, node: ir.Node, operands: Sequence[int]) -> ir.Value:
    """Case 1."""
    zeros = [grid(node, index + 1).zero for index in operands]
    if any(zero.dtype.itemsize != 1 for zero in zeros):
        raise Unusual
    lows = [bounds(zero)[0] for zero in zeros]
    steps = [np.arange(low, low + _BYTES).astype(zero.dtype) for low, zero in zip(lows, zeros, strict=True)]
    every = np.meshgrid(*steps, indexing="ij")
    table = _run(node, {index: one.reshape(-1) for index, one in zip(operands, every, strict=True)})
    places = [
        shifted(builder, whole(builder, needed(node, index)), np.asarray(low))
        for index, low in zip(operands, lows, strict=True)
    ]
    if len(places) == 1:
        return _at(builder, table.astype(np.float32), places[0])
    place = builder.op("Add", builder.op("Mul", places[0], number(builder, _BYTES)), places[1])
    return builder.op("Cast", _at(builder, table, place), to=int(ir.DataType.FLOAT))


def _at(builder: GraphBuilder, table: Array, place: ir.Value) -> ir.Value:
    return builder.op(
        "Gather", builder.const(table, "table"), builder.op("Cast", place, to=int(ir.DataType.INT64)), axis=0
    )


def _run(node: ir.Node, feeds: Mapping[int, Array]) -> Array:
    """What onnxruntime makes of these inputs of the node, whose others are constant."""
    names = ["" if value is None else f"input_{i}" for i, value in enumerate(node.inputs)]
    proto = onnx.helper.make_node(node.op_type, names, ["y"], domain=node.domain)
    proto.attribute.extend(onnx.helper.make_attribute(name, one.value) for name, one in node.attributes.items())
    inputs = [
        onnx.helper.make_tensor_value_info(names[i], onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for i, array in feeds.items()
    ]
    weights = [onnx.numpy_helper.from_array(stated(node, i), name)
               for i, name in enumerate(names) if name and i not in feeds]  # fmt: skip
    graph = onnx.helper.make_graph([proto], "g", inputs, [onnx.helper.make_empty_tensor_value_info("y")], weights)
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("com.microsoft", 1)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    found: Array = session(model).run(None, {names[i]: array for i, array in feeds.items()})[0]
    return found


def _concat(builder: GraphBuilder, node: ir.Node) -> ir.Value:
    """Case 2: scale of y, zero of y, then x, scale, zero of each part."""
    of_y, parts = grid(node, 0), []
    for index in range(2, len(node.inputs), 3):
        own, x = grid(node, index + 1), whole(builder, needed(node, index))
        same = own.scale == of_y.scale and own.zero == of_y.zero
        parts.append(x if same else quantized(builder, dequantized(builder, x, own), of_y))
    return builder.op("Concat", *parts, axis=node.attributes.get_int("axis", 0))


def _softmax(builder: GraphBuilder, node: ir.Node) -> ir.Value:
    """Case 3: x, scale, zero, scale of y, zero of y."""
    x, own, of_y = needed(node, 0), grid(node, 1), grid(node, 3)
    if x.shape is None:
        raise Unusual
    axis = node.attributes.get_int("axis", -1) % len(x.shape)
    size, old = x.shape[axis], node.attributes.get_int("opset", 13) < 13
    if not isinstance(size, int) or (old and axis != len(x.shape) - 1):
        raise Unusual
    x = whole(builder, x)
    apart = builder.op("Sub", x, _largest(builder, x, axis))
    table = _exponentials(float(own.scale), size)
    e = _at(builder, table, builder.op("Add", apart, number(builder, _BYTES - 1)))
    running = builder.op("CumSum", e, builder.const(np.array(axis, np.int64), "axis"))
    last = builder.op("Gather", running, builder.ints(size - 1), axis=axis)
    most = number(builder, np.floor(np.float32(1) / of_y.scale))
    return rounded(builder, builder.op("Div", builder.op("Mul", e, most), last), of_y.zero)


def _largest(builder: GraphBuilder, x: ir.Value, axis: int) -> ir.Value:
    """Along the axis, which is an input from opset 18 on."""
    if builder.opset < 18:
        return builder.op("ReduceMax", x, axes=[axis], keepdims=1)
    return builder.op("ReduceMax", x, builder.ints(axis), keepdims=1)


def _exponentials(scale: float, size: int) -> Array:
    """exp of the distances -255 to 0 from the largest, times a factor that keeps a sum of `size` in float32."""
    room = max(0.0, log(float(np.finfo(np.float32).max / np.float32(size))) - _RESERVED) / scale
    return np.array([exp((i - (_BYTES - 1) + room) * scale) for i in range(_BYTES)]).astype(np.float32)


def _mean(builder: GraphBuilder, node: ir.Node) -> ir.Value:
    """Case 4: x, scale, zero, scale of y, zero of y."""
    own, of_y = grid(node, 1), grid(node, 3)
    if node.attributes.get_int("channels_last", 0):
        raise Unusual
    kept = {k: a for k, a in node.attributes.items() if k != "channels_last"}
    y = dequantized(builder, needed(node, 0), own)
    pooled = builder.add(ir.Node("", node.op_type.removeprefix("QLinear"), [y], kept.values())).outputs[0]
    return quantized(builder, pooled, of_y)


_DOMAIN = "com.microsoft::"
RULES: dict[str, Callable[[GraphBuilder, ir.Node], ir.Value]] = {
    f"{_DOMAIN}QLinearSigmoid": _of_one,
    f"{_DOMAIN}QLinearLeakyRelu": _of_one,
    f"{_DOMAIN}QLinearAdd": _of_two,
    f"{_DOMAIN}QLinearMul": _of_two,
    f"{_DOMAIN}QLinearConcat": _concat,
    f"{_DOMAIN}QLinearSoftmax": _softmax,
    f"{_DOMAIN}QLinearAveragePool": _mean,
    f"{_DOMAIN}QLinearGlobalAveragePool": _mean,
}
