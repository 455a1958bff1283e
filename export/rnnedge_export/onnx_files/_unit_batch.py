"""A batch axis of 1 in front of inputs and outputs that have none, for a file that is adopted as it is.

Such a file runs one sequence at a time, and its contract says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import onnx
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.onnx_files._constants import declared_shape


def states_without_batch(proto: onnx.ModelProto, states: Mapping[str, str]) -> list[str]:
    """Inputs that are states, and none of whose axes can be the batch: all have other sizes than 1."""
    ports = [port for port in proto.graph.input if port.name in states]
    return [port.name for port in ports if all(d not in (None, 1) for d in declared_shape(port))]


def with_unit_batch(proto: onnx.ModelProto, names: Collection[str]) -> onnx.ModelProto:
    """A copy in which the named inputs and outputs begin with a batch of 1."""
    model = ir.from_proto(proto)
    graph, builder = model.graph, GraphBuilder(model)
    for value in graph.inputs:
        if value.name in names:
            inner = _unit(builder, "Squeeze", value, f"{value.name}_alone")
            readers = [(reader, place) for reader, place in value.uses() if reader is not inner.producer()]
            for reader, place in readers:
                reader.replace_input_with(place, inner)
            inner.type, inner.shape = value.type, value.shape
            value.shape = ir.Shape([1, *(value.shape or ())])
            graph.insert_before(graph[0], builder.take())
    for place, value in enumerate(list(graph.outputs)):
        if value.name in names:
            name = str(value.name)
            if not value.is_graph_input():
                value.name = builder.fresh(f"{name}_alone")
            wide = _unit(builder, "Unsqueeze", value, name)
            wide.type = value.type
            graph.extend(builder.take())
            graph.outputs[place] = wide
    return ir.to_proto(model)


def _unit(builder: GraphBuilder, operator: str, value: ir.Value, name: str) -> ir.Value:
    """Axes are an attribute before opset 13."""
    old = builder.opset < 13
    changed = builder.op(operator, value, axes=[0]) if old else builder.op(operator, value, builder.ints(0))
    changed.name = name
    return changed
