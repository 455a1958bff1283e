"""Softmax and its logarithm along an axis."""

from __future__ import annotations

from rnnedge_export.codegen._ir.reductions import LARGEST, SUM
from rnnedge_export.codegen._ir.tensors import plain
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._reduce_loops import folded
from rnnedge_export.codegen.lower._registry import Result, rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable
from rnnedge_export.codegen.lower.elementwise import combined


@rule("Softmax", "LogSoftmax")
def softmax(scope: SymbolTable, node: Node) -> Result:
    """The largest number is taken away first, so that nothing overflows; a row of -infinity gives NaN."""
    if scope.opset < 13:
        node.refuse(f"opset {scope.opset}: expected 13 or later")
    value = plain(scope.program.materialized(scope.input(node, 0)))
    axes = (node.attribute("axis", -1) % len(value.shape),)
    apart = combined(scope, "subtract", [value, folded(scope, value, axes, LARGEST)])
    powers = plain(scope.program.materialized(combined(scope, "exponential", [apart], costly=True)))
    total = folded(scope, powers, axes, SUM)
    if node.op == "LogSoftmax":
        return [combined(scope, "subtract", [apart, combined(scope, "logarithm", [total], costly=True)])]
    return [combined(scope, "multiply", [powers, combined(scope, "reciprocal", [total], costly=True)])]
