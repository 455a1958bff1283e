"""Normalizations: numbers minus their mean, over their deviation, of a layer, an instance or a group."""

from __future__ import annotations

import numpy as np

from rnnedge_export.codegen._ir.reductions import SUM
from rnnedge_export.codegen._ir.tensors import Tensor, plain
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._reduce_loops import folded
from rnnedge_export.codegen.lower._registry import Result, rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable
from rnnedge_export.codegen.lower.elementwise import combined
from rnnedge_export.codegen.lower.reductions import mean_of


@rule("LayerNormalization")
def layer(scope: SymbolTable, node: Node) -> Result:
    """Over `axis` and all axes after it."""
    node.only("stash_type", 1)
    if len([name for name in node.outputs if name]) > 1:
        node.refuse("mean and deviation as outputs: expected the first output only")
    value = scope.input(node, 0)
    axes = tuple(range(node.attribute("axis", -1) % len(value.shape), len(value.shape)))
    normal = normalized(scope, value, axes, node.attribute("epsilon", 1e-5))
    return [_scaled(scope, normal, [scope.input(node, k) for k in (1, 2) if node.has(k)])]


@rule("InstanceNormalization", "GroupNormalization")
def group(scope: SymbolTable, node: Node) -> Result:
    """Over groups of channels, axis 1, and all axes after it; an instance is a group of one channel."""
    value = scope.input(node, 0)
    batch, channels, *rest = value.shape
    groups = channels if node.op == "InstanceNormalization" else node.attribute("num_groups")
    if node.op == "GroupNormalization":
        node.only("stash_type", 1)
        if scope.opset < 21:
            node.refuse(f"opset {scope.opset}: expected 21 or later")
    parted = value.rearranged(lambda index: index.reshape(batch, groups, channels // groups, *rest))
    axes = tuple(range(2, len(parted.shape)))
    normal = normalized(scope, parted, axes, node.attribute("epsilon", 1e-5))
    whole = plain(scope.program.materialized(normal)).rearranged(lambda index: index.reshape(value.shape))
    factors = [_per_channel(scope.input(node, k), len(rest)) for k in (1, 2)]
    return [_scaled(scope, whole, factors)]


@rule("MeanVarianceNormalization")
def mean_variance(scope: SymbolTable, node: Node) -> Result:
    """Over constant axes, by default all but the channel's; NaN where all numbers are equal, as onnxruntime has it."""
    program, value = scope.program, scope.input(node, 0)
    axes = tuple(sorted(int(axis) % len(value.shape) for axis in node.attribute("axes", [0, 2, 3])))
    value = plain(program.materialized(value))
    mean = mean_of(scope, folded(scope, value, axes, SUM), value.shape, axes)
    value = plain(program.materialized(combined(scope, "subtract", [value, mean])))
    variance = mean_of(scope, folded(scope, combined(scope, "squared", [value]), axes, SUM), value.shape, axes)
    return [combined(scope, "divide", [value, combined(scope, "square_root", [variance], costly=True)], costly=True)]


@rule("LpNormalization")
def by_norm(scope: SymbolTable, node: Node) -> Result:
    """Over the sum of magnitudes, or the root of the sum of squares, along an axis; zeros stay zeros."""
    order = int(node.attribute("p", 2))
    node.only("p", 2, 1)
    value = plain(scope.program.materialized(scope.input(node, 0)))
    axes = (node.attribute("axis", -1) % len(value.shape),)
    total = folded(scope, combined(scope, "squared" if order == 2 else "magnitude", [value]), axes, SUM)
    norm = combined(scope, "square_root", [total], costly=True) if order == 2 else total
    return [combined(scope, "over_norm", [value, norm])]


@rule("BatchNormalization")
def batch(scope: SymbolTable, node: Node) -> Result:
    """With constant statistics: one factor and one summand per channel."""
    node.only("training_mode", 0)
    node.attribute("momentum", 0.9)
    scale, bias, mean, var = (scope.array(node, k, "statistics").astype(np.float64) for k in range(1, 5))
    factor = scale / np.sqrt(var + node.attribute("epsilon", 1e-5))
    value = scope.input(node, 0)
    rest = len(value.shape) - 2
    pair = (factor, bias - mean * factor)
    factors = [_per_channel(scope.program.constant(one.astype(np.float32)), rest) for one in pair]
    return [_scaled(scope, value, factors)]


def normalized(scope: SymbolTable, value: Tensor, axes: tuple[int, ...], epsilon: float) -> Tensor:
    """`(value - mean) / sqrt(variance + epsilon)` over `axes`."""
    program = scope.program
    value = plain(program.materialized(value))
    mean = mean_of(scope, folded(scope, value, axes, SUM), value.shape, axes)
    value = plain(program.materialized(combined(scope, "subtract", [value, mean])))
    total = folded(scope, combined(scope, "squared", [value]), axes, SUM)
    variance = mean_of(scope, total, value.shape, axes)
    deviation = combined(scope, "square_root", [combined(scope, "add", [variance, float(epsilon)])], costly=True)
    return combined(scope, "multiply", [value, combined(scope, "reciprocal", [deviation], costly=True)])


def _per_channel(value: Tensor, after: int) -> Tensor:
    return value.rearranged(lambda index: index.reshape(-1, *[1] * after))


def _scaled(scope: SymbolTable, value: Tensor, factors: list[Tensor]) -> Tensor:
    """Times the first, plus the second."""
    for function, factor in zip(("multiply", "add"), factors, strict=False):
        value = combined(scope, function, [value, factor])
    return value
