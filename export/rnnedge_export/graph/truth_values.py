"""A choice between two truth values is written with And and Or: onnxruntime has no Where of them."""

from __future__ import annotations

import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, replace


def write_choices(model: ir.Model) -> None:
    """Change `model` in place, also in the bodies of its loops: `a if c else b` is `c and a or not c and b`."""
    for node in list(model.graph.all_nodes()):
        if node.op_type == "Where" and not node.domain and ir.DataType.BOOL in _types(node):
            _write_out(model, node)


def _types(node: ir.Node) -> set[ir.DataType | None]:
    return {value.dtype for value in (*node.inputs[1:], *node.outputs) if value is not None}


def _write_out(model: ir.Model, node: ir.Node) -> None:
    condition, one, other = node.inputs
    if condition is None or one is None or other is None:
        return
    builder = GraphBuilder(model)
    builder.place = node.name or node.op_type
    negated = builder.op("Not", condition)
    negated.shape = condition.shape
    parts = [builder.op("And", condition, one), builder.op("And", negated, other)]
    found = builder.op("Or", *parts)
    for value in (negated, *parts, found):
        value.type = ir.TensorType(ir.DataType.BOOL)
    for value in (*parts, found):
        value.shape = node.outputs[0].shape
    replace(node, builder, [found])
