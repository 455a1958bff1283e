"""Operators that fold whole axes: sums, means, norms, products, largest and smallest."""

from __future__ import annotations

import numpy as np

from rnnedge_export.codegen._ir.reductions import LARGEST, PRODUCT, SMALLEST, SUM, Reducer
from rnnedge_export.codegen._ir.tensors import FLOAT, Tensor, plain
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._reduce_loops import folded
from rnnedge_export.codegen.lower._registry import Result, rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable
from rnnedge_export.codegen.lower.elementwise import combined

# What is folded, how, and what is made of the result.
_REDUCTIONS: dict[str, tuple[str, Reducer, str]] = {
    "ReduceSum": ("", SUM, ""),
    "ReduceMean": ("", SUM, ""),
    "ReduceSumSquare": ("squared", SUM, ""),
    "ReduceL1": ("magnitude", SUM, ""),
    "ReduceL2": ("squared", SUM, "square_root"),
    "ReduceLogSum": ("", SUM, "logarithm"),
    "ReduceProd": ("", PRODUCT, ""),
    "ReduceMax": ("", LARGEST, ""),
    "ReduceMin": ("", SMALLEST, ""),
}


@rule(*_REDUCTIONS, integers=True)
def reduction(scope: SymbolTable, node: Node) -> Result:
    """Over any axes, constant; NaN is the result where one number is NaN. Whole numbers: sum, product, min and max."""
    value, positive, keeps = _over(scope, node)
    before, fold, after = _REDUCTIONS[node.op]
    if positive is None:
        if before or after:
            node.refuse("noop_with_empty_axes without axes: expected axes")
        return [value]
    if value.kind != FLOAT and (before or after or node.op == "ReduceMean"):
        node.refuse("of whole numbers is not supported")
    if 0 in value.shape and (fold not in (SUM, PRODUCT) or node.op == "ReduceMean"):
        node.refuse("of no numbers: expected some")
    if before:
        value = combined(scope, before, [value])
    result = folded(scope, value, positive, fold)
    if node.op == "ReduceMean":
        result = mean_of(scope, result, value.shape, positive)
    if after:
        result = combined(scope, after, [result], costly=True)
    return [result if keeps else result.rearranged(lambda index: index.squeeze(positive))]


@rule("ReduceLogSumExp")
def log_sum_exp(scope: SymbolTable, node: Node) -> Result:
    """The largest number is taken away first, so that nothing overflows."""
    value, positive, keeps = _over(scope, node)
    if positive is None:
        node.refuse("noop_with_empty_axes without axes: expected axes")
    value = plain(scope.program.materialized(value))
    largest = combined(scope, "finite_or_zero", [folded(scope, value, positive, LARGEST)])
    powers = combined(scope, "exponential", [combined(scope, "subtract", [value, largest])], costly=True)
    total = combined(scope, "logarithm", [folded(scope, powers, positive, SUM)], costly=True)
    result = combined(scope, "add", [total, largest])
    return [result if keeps else result.rearranged(lambda index: index.squeeze(positive))]


def _over(scope: SymbolTable, node: Node) -> tuple[Tensor, tuple[int, ...] | None, bool]:
    """What is folded, over which axes, not negative, and whether these stay with length 1; None: over none."""
    value = scope.input(node, 0)
    given = node.attribute("axes")
    if node.has(1):
        given = scope.array(node, 1, "axes").ravel().tolist()
    noop, keeps = bool(node.attribute("noop_with_empty_axes", 0)), bool(node.attribute("keepdims", 1))
    rank = max(len(value.shape), 1)
    axes = tuple(sorted(int(axis) % rank for axis in given or range(len(value.shape))))
    return value, None if noop and not given else axes, keeps


def mean_of(scope: SymbolTable, total: Tensor, shape: tuple[int, ...], axes: tuple[int, ...]) -> Tensor:
    """A sum over `axes` of a tensor of `shape` as a mean."""
    count = int(np.prod([shape[axis] for axis in axes], dtype=np.int64))
    return plain(scope.program.materialized(combined(scope, "divide", [total, float(count)])))
