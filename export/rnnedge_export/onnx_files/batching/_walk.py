"""The walk over a graph for one sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.onnx_files.batching._rules import RULES
from rnnedge_export.onnx_files.batching._site import Site


def with_batch(model: ir.Model, shapes: Mapping[str, Sequence[int]], name: str) -> None:
    """Give every input of the main graph, and all that follows, a batch axis in front, in place.

    `shapes`: of every value for one sequence. `name`: of the file. Raises `ModelRefused` for a node without a rule.
    """
    builder, batched = GraphBuilder(model), set[ir.Value](model.graph.inputs)
    for value in model.graph.inputs:
        value.shape = ir.Shape(["batch", *(value.shape or ())])
    for node in list(model.graph):
        site = Site(node, shapes, batched, builder, name)
        reads_frames = any(value in batched for value in node.inputs if value is not None)
        inner = any(attribute.type == ir.AttributeType.GRAPH for attribute in node.attributes.values())
        if reads_frames or (inner and batched):
            rule = None if node.domain or inner else RULES.get(node.op_type)
            if rule is None:
                site.refuse("there is no rule for this operator")
            if rule(site) is not False:
                batched.update(node.outputs)
            if node.graph is not None:
                model.graph.insert_before(node, builder.take())
