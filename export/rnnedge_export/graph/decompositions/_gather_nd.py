"""Rows of a constant table by their number, as torch's `table[index]` is written."""

from __future__ import annotations

import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, constant, replace
from rnnedge_export.graph.shaped_builder import ShapedBuilder, shape_of


def gather_nd(node: ir.Node, builder: GraphBuilder) -> None:
    """ONNX operator specification, GatherND-13: indices (..., 1) without batches are those of Gather on axis 0."""
    table, indices = node.inputs
    if table is None or indices is None or indices.shape is None or constant(table) is None:
        return
    shape = shape_of(indices)
    if node.attributes.get_int("batch_dims", 0) or shape[-1] != 1:
        return
    places = ShapedBuilder(builder, indices).squeezed(indices, [len(shape) - 1])
    rows = [*shape[:-1], *shape_of(table)[1:]]
    replace(node, builder, [ShapedBuilder(builder, node.outputs[0]).op("Gather", rows, table, places, axis=0)])
