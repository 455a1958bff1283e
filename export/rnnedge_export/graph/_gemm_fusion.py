"""A product of two axes followed by the addition of a constant row becomes one Gemm.

1. A (M, K) and B (K, N) have two axes, and nobody else reads their product.
2. The addend is a constant (N) or (1, N): anything that Gemm may broadcast in one direction only.
"""

from __future__ import annotations

import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, constant, replace


def fuse_gemm(model: ir.Model) -> None:
    """Write Gemm for every such pair of the main graph, in place. Shapes must have been inferred."""
    builder = GraphBuilder(model)
    for node in list(model.graph):
        if node.op_type != "Add" or node.domain != "":
            continue
        for product, addend in (node.inputs, tuple(reversed(node.inputs))):
            if product is None or addend is None:
                continue
            matmul = product.producer()
            if matmul is None or matmul.op_type != "MatMul" or not _fits(matmul, product, addend):
                continue
            builder.place = matmul.name or "Gemm"
            replace(node, builder, [builder.op("Gemm", *matmul.inputs, addend)])
            model.graph.remove(matmul, safe=True)
            break


def _fits(matmul: ir.Node, product: ir.Value, addend: ir.Value) -> bool:
    if len(product.uses()) != 1 or product.is_graph_output():
        return False
    shapes = [None if value is None else value.shape for value in matmul.inputs]
    row = constant(addend)
    if row is None or any(shape is None or len(shape) != 2 for shape in shapes):
        return False
    assert shapes[1] is not None
    return row.shape in ((shapes[1][1],), (1, shapes[1][1]))
