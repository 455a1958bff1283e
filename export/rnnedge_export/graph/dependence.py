"""Which values of a graph depend on its input, and not only on the input's shape."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir


def dependent(graph: ir.Graph) -> set[ir.Value]:
    """Values that the input itself enters, not only its shape."""
    return _entered(graph, set(graph.inputs))


def entered_by(values: Sequence[ir.Value], graph: ir.Graph) -> set[ir.Value]:
    """These values, and those that they enter, not only their shapes."""
    return _entered(graph, set(values))


def _entered(graph: ir.Graph, found: set[ir.Value]) -> set[ir.Value]:
    for node in graph:
        inputs = {value for value in node.inputs if value is not None}
        for attribute in node.attributes.values():
            if attribute.type == ir.AttributeType.GRAPH:
                inputs |= {v for inner in attribute.as_graph().all_nodes() for v in inner.inputs if v is not None}
        if node.op_type != "Shape" and inputs & found:
            found.update(node.outputs)
    return found
