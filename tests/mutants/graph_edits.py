"""Small changes of a graph, as a careless rewrite makes them; each returns how many nodes it changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir


def each(model: ir.Model, kind: str, edit: Callable[[ir.Node], object]) -> int:
    """Let `edit` change every node of a kind, those of bodies too."""
    nodes = [node for node in model.graph.all_nodes() if node.op_type == kind]
    for node in nodes:
        edit(node)
    return len(nodes)


def without(model: ir.Model, kind: str) -> int:
    """Let the first input of every node of a kind take its place."""

    def leave_out(node: ir.Node) -> None:
        node.op_type = "Identity"
        node.attributes.clear()
        node.resize_inputs(1)

    return each(model, kind, leave_out)


def insert_before(node: ir.Node, kind: str, *inputs: Any, **attributes: Any) -> ir.Value:
    """A new node in front of `node`; arrays among `inputs` become constants."""
    graph = node.graph
    assert isinstance(graph, ir.Graph)
    values = [_constant(graph, node, one) if isinstance(one, np.ndarray) else one for one in inputs]
    made = ir.Node("", kind, values, [ir.convenience.convert_attribute(k, v) for k, v in attributes.items()])
    made.outputs[0].name = f"{node.outputs[0].name}_{kind}"
    made.outputs[0].type, made.outputs[0].shape = values[0].type, values[0].shape
    graph.insert_before(node, made)
    return made.outputs[0]


def insert_after(node: ir.Node, kind: str) -> None:
    """A node of one input between `node` and whatever reads it."""
    graph, value = node.graph, node.outputs[0]
    assert isinstance(graph, ir.Graph)
    made = ir.Node("", kind, [value])
    out = made.outputs[0]
    out.type, out.shape = value.type, value.shape
    name, value.name = value.name, f"{value.name}_before"
    ir.convenience.replace_all_uses_with(value, out, replace_graph_outputs=True)
    out.name = name
    made.replace_input_with(0, value)
    graph.insert_after(node, made)


def _constant(graph: ir.Graph, node: ir.Node, array: np.ndarray) -> ir.Value:
    name = f"{node.outputs[0].name}_constant{len(graph.initializers)}"
    value = ir.Value(name=name, const_value=ir.tensor(array, name=name))
    value.type, value.shape = ir.TensorType(ir.DataType.from_numpy(array.dtype)), ir.Shape(array.shape)
    graph.register_initializer(value)
    return value
