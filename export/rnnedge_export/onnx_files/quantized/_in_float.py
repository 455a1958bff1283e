"""A quantized file as one that every pass reads: its integers are float32 numbers that are whole.

1. What is written is the graph that onnxruntime makes of the file (`_as_run.py`): DequantizeLinear, Conv and
   QuantizeLinear are one product of integers there, and that is what the file computes for all who run it.
2. A value of few bits is held as float32. Operators that only move or compare values take it as it is.
3. Sums of products are whole numbers, exact in any order of additions (`_exact_sums.py`).
4. A function of bytes (QLinearAdd, QLinearSigmoid) is the table that onnxruntime's own kernel gives.

So the stream rounds where the source rounds, in every form and on every processor. What has another form stays, and is
refused by its name: a file that is not written whole is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx
import onnx.shape_inference
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, constant, replace
from rnnedge_export.onnx_files.quantized import _functions, _grids, _products
from rnnedge_export.onnx_files.quantized._as_run import as_run
from rnnedge_export.onnx_files.quantized._whole import RANGES, Unusual, whole

Rule = Callable[[GraphBuilder, ir.Node], ir.Value]
_RULES: dict[str, Rule] = {**_grids.RULES, **_products.RULES, **_functions.RULES}
# What these give of a held value is none.
_LEAVES = {"ArgMax", "ArgMin", "Cast", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "NonZero", "Shape",
           "Size"}  # fmt: skip
_GRAPHS = (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)
# What they compute depends on a size, which is known when all else is written.
_SIZED = {"QLinearSoftmax"}
# From which Clip has its bounds as inputs.
_OLDEST = 11


def in_float(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Cases 1 to 4; the same file if nothing in it is quantized."""
    if not any(_rule(node) for node in proto.graph.node):
        return proto
    model = ir.from_proto(as_run(proto))
    if model.opset_imports.get("", 0) < _OLDEST:
        return proto
    _give_few_bits(model, GraphBuilder(model))
    _write(model)
    if any(node.op_type in _SIZED for node in model.graph):
        model = ir.from_proto(onnx.shape_inference.infer_shapes(ir.to_proto(model), data_prop=True))
        _write(model)
    return proto if any(_rule(node) for node in model.graph) else ir.to_proto(model)


def _write(model: ir.Model) -> None:
    """Every node of the main graph that has a rule, in place."""
    builder = GraphBuilder(model)
    held: set[ir.Value] = set()
    for node in list(model.graph):
        rule = _rule(node)
        result = None if rule is None else _written(rule, builder, node)
        if result is not None:
            if result.const_value is None:
                result.shape, result.type = node.outputs[0].shape, _type_after(node, held, result)
            replace(node, builder, [result])
            continue
        builder.take()
        if rule is None and any(value in held for value in node.inputs):
            _pass_on(builder, node, held)
            model.graph.insert_before(node, builder.take())


def _written(rule: Rule, builder: GraphBuilder, node: ir.Node) -> ir.Value | None:
    try:
        return rule(builder, node)
    except Unusual:
        return None


def _rule(node: ir.Node | onnx.NodeProto) -> Rule | None:
    return _RULES.get(node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}::{node.op_type}")


def _type_after(node: ir.Node, held: set[ir.Value], result: ir.Value) -> ir.TypeProtocol | None:
    if node.op_type == "ConvInteger":
        return node.outputs[0].type
    if node.op_type != "DequantizeLinear" and not _products.gives_float(node):
        held.add(result)
    return ir.TensorType(ir.DataType.FLOAT)


def _pass_on(builder: GraphBuilder, node: ir.Node, held: set[ir.Value]) -> None:
    """Case 2: values that meet held ones are held, too, and so is what comes of them."""
    for index, value in enumerate(node.inputs):
        if value is not None and value.dtype in RANGES:
            node.replace_input_with(index, whole(builder, value))
    if node.op_type in _LEAVES or any(a.type in _GRAPHS for a in node.attributes.values()):
        return
    for value in node.outputs:
        value.type = ir.TensorType(ir.DataType.FLOAT)
        held.add(value)


def _give_few_bits(model: ir.Model, builder: GraphBuilder) -> None:
    """Outputs of few bits are cast to those at the end."""
    for index, value in enumerate(model.graph.outputs):
        if value.dtype in RANGES and constant(value) is None and value.producer() is not None:
            name, value.name = value.name, builder.fresh(f"{value.name}_held")
            cast = builder.op("Cast", value, to=int(value.dtype))
            cast.name, cast.type, cast.shape = name, value.type, value.shape
            model.graph.outputs[index] = cast
            model.graph.extend(builder.take())
