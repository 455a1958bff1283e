"""The part of a graph that leads to some values, run for several inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import onnx
import onnx_ir as ir

from rnnedge_export.graph.cpu_session import session
from rnnedge_runtime.contract import Array

_SHAPE = "rnnedge_shape"


def run_leading(
    model: ir.Model,
    shape_of: ir.Value,
    wanted: Sequence[ir.Value],
    feeds: Iterable[Mapping[str, Any]],
) -> list[list[Array]] | None:
    """For each of `feeds` the shape of one value and the `wanted` values; None where that part does not run."""
    needed, open_values = set[ir.Node](), [shape_of, *wanted]
    while open_values:
        node = open_values.pop().producer()
        if node is not None and node not in needed:
            needed.add(node)
            open_values += _read(node)
    proto = ir.to_proto(model)
    kept = [entry for node, entry in zip(model.graph, proto.graph.node, strict=True) if node in needed]
    for field in (proto.graph.node, proto.graph.output):
        del field[:]
    proto.graph.node.extend([*kept, onnx.helper.make_node("Shape", [str(shape_of.name)], [_SHAPE])])
    names = [_SHAPE, *(str(value.name) for value in wanted)]
    proto.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    try:
        running = session(proto)
        return [running.run(names, dict(feed)) for feed in feeds]
    # onnxruntime has a type of its own for every way to fail.
    except Exception:
        return None


def _read(node: ir.Node) -> list[ir.Value]:
    """What a node reads, the nodes of its inner graphs too."""
    inner = [part for a in node.attributes.values() if a.type == ir.AttributeType.GRAPH for part in a.as_graph()]
    found = [value for value in node.inputs if value is not None]
    return found + [value for part in inner for value in _read(part)]
