"""Pools: the mean or the largest number of windows, over any number of axes."""

from __future__ import annotations

import numpy as np

from rnnedge_export.codegen._ir.reductions import LARGEST, SUM
from rnnedge_export.codegen._ir.tensors import FLOAT, Tensor, View, plain
from rnnedge_export.codegen._nodes.limits import check_elements
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._reduce_loops import folded
from rnnedge_export.codegen.lower._registry import Result, rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable
from rnnedge_export.codegen.lower.elementwise import combined
from rnnedge_export.codegen.lower.reductions import mean_of


@rule("GlobalAveragePool", "GlobalMaxPool")
def everything(scope: SymbolTable, node: Node) -> Result:
    """All of every channel."""
    value = scope.input(node, 0)
    axes = tuple(range(2, len(value.shape)))
    if node.op == "GlobalMaxPool":
        return [folded(scope, value, axes, LARGEST)]
    return [mean_of(scope, folded(scope, value, axes, SUM), value.shape, axes)]


@rule("AveragePool", "MaxPool")
def pool(scope: SymbolTable, node: Node) -> Result:
    """Windows with strides, dilations, pads and `ceil_mode`; a window is one more view of the same numbers."""
    node.only("auto_pad", "NOTSET", "VALID")
    node.only("storage_order", 0)
    if len([name for name in node.outputs if name]) > 1:
        node.refuse("places of the largest numbers as an output: expected the first output only")
    value, largest = scope.input(node, 0), node.op == "MaxPool"
    if value.kind != FLOAT:
        node.refuse("of whole numbers is not supported")
    kernel = [int(n) for n in node.attribute("kernel_shape")]
    spatial = len(kernel)
    strides, dilations = (node.attribute(name, [1] * spatial) for name in ("strides", "dilations"))
    pads = list(node.attribute("pads", [0] * 2 * spatial))
    ceil, include = bool(node.attribute("ceil_mode", 0)), bool(node.attribute("count_include_pad", 0))
    counts = np.ones((), np.int64)
    index_of, around = [], []
    for k, length in enumerate(value.shape[2:]):
        span = (kernel[k] - 1) * dilations[k] + 1
        before, after = pads[k], pads[spatial + k]
        room = length + before + after - span
        made = (-(-room // strides[k]) if ceil else room // strides[k]) + 1
        # ONNX Pool: with ceil_mode a window that begins after the last number is left out.
        made -= ceil and (made - 1) * strides[k] >= length + before
        check_elements(node, (made, kernel[k]))
        at = np.arange(made)[:, None] * strides[k] + np.arange(kernel[k]) * dilations[k]
        inside = (at >= 0 if include else at >= before) & (at < before + length + (after if include else 0))
        counts = np.multiply.outer(counts, inside.sum(1))
        index_of.append(at)
        around.append((before, max(0, int(at.max()) + 1 - before - length)))
    check_elements(node, (*value.shape[:2], *(at.size for at in index_of)))
    check_elements(node, (*value.shape[:2], *(sum(pair) + n for pair, n in zip(around, value.shape[2:], strict=True))))
    view = _surrounded(scope, value, around, -np.inf if largest else 0.0)
    windows = view.index
    for k, at in enumerate(index_of):
        windows = np.moveaxis(np.take(windows, at, 2 + k), 3 + k, -1)
    rank = len(value.shape)
    result = folded(
        scope, plain(View(view.buffer, windows)), tuple(range(rank, 2 * rank - 2)), LARGEST if largest else SUM
    )
    result = result.rearranged(lambda index: index.reshape(windows.shape[:rank]))
    if largest:
        return [result]
    parts = scope.program.constant(np.broadcast_to(counts, result.shape).astype(np.float32))
    return [combined(scope, "divide", [result, parts])]


def _surrounded(scope: SymbolTable, value: Tensor, around: list[tuple[int, int]], fill: float) -> View:
    """The numbers with `fill` around them, where anything is."""
    program = scope.program
    if not any(map(any, around)):
        return program.materialized(value)
    shape = (*value.shape[:2], *(sum(pair) + n for pair, n in zip(around, value.shape[2:], strict=True)))
    target = program.new(shape)
    filled = program.constant(np.full(shape, fill, np.float32))
    program.store(filled, target)
    inner = target.index
    for k, (before, _) in enumerate(around):
        inner = np.take(inner, range(before, before + value.shape[2 + k]), 2 + k)
    program.store(value, View(target.buffer, inner))
    return target
