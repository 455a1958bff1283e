"""Resize by constant scales or sizes: every place of the result is a place of the input."""

from __future__ import annotations

from functools import partial

import numpy as np

from rnnedge_export.codegen._ir.tensors import Array
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._registry import Result, rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable


@rule("Resize")
def resize(scope: SymbolTable, node: Node) -> Result:
    """`nearest` with asymmetric or half-pixel places and any rounding; other modes are refused."""
    node.only("mode", "nearest")
    node.only("antialias", 0)
    node.only("keep_aspect_ratio_policy", "stretch")
    if "axes" in node.attributes:
        node.refuse("axes: expected scales of all axes")
    places_by = node.attribute("coordinate_transformation_mode", "half_pixel")
    node.only("coordinate_transformation_mode", "half_pixel", "asymmetric")
    # These three say nothing about the nearest number.
    for name in ("cubic_coeff_a", "exclude_outside", "extrapolation_value"):
        node.attribute(name)
    rounding = node.attribute("nearest_mode", "round_prefer_floor")
    node.only("nearest_mode", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    value = scope.input(node, 0)
    if node.has(3):
        sizes = [int(n) for n in scope.array(node, 3, "sizes")]
        scales = [size / length for size, length in zip(sizes, value.shape, strict=True)]
    else:
        scales = [float(one) for one in scope.array(node, 2, "scales")]
        sizes = [int(np.floor(length * scale)) for length, scale in zip(value.shape, scales, strict=True)]
    result = value
    # What becomes less comes first, so that nothing between is larger than the ends.
    for axis in sorted(range(len(sizes)), key=lambda k: sizes[k] / max(value.shape[k], 1)):
        size, scale, length = sizes[axis], scales[axis], value.shape[axis]
        if size == length and scale == 1:
            continue
        at = np.arange(size) / scale if places_by == "asymmetric" else (np.arange(size) + 0.5) / scale - 0.5
        chosen = np.clip(_rounded(at, rounding), 0, length - 1).astype(np.int64)
        result = result.rearranged(partial(np.take, indices=chosen, axis=axis))
    return [result]


def _rounded(at: Array, how: str) -> Array:
    if how in ("floor", "ceil"):
        return np.floor(at) if how == "floor" else np.ceil(at)
    return np.ceil(at - 0.5) if how == "round_prefer_floor" else np.floor(at + 0.5)
