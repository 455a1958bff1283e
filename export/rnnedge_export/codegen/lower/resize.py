"""Resize by constant scales or sizes: every place of the result is a place of the input, or between some of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce

import numpy as np

from rnnedge_export.codegen._ir.tensors import Array, Tensor
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._registry import Result, rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable
from rnnedge_export.codegen.lower.elementwise import combined


@rule("Resize")
def resize(scope: SymbolTable, node: Node) -> Result:
    """`nearest` with any rounding, `linear` and `cubic`; cropped pictures and filters against aliasing are refused."""
    node.only("mode", "nearest", "linear", "cubic")
    mode = node.attribute("mode", "nearest")
    node.only("antialias", 0)
    node.only("keep_aspect_ratio_policy", "stretch")
    if "axes" in node.attributes:
        node.refuse("axes: expected scales of all axes")
    places_by = node.attribute("coordinate_transformation_mode", "half_pixel")
    node.only("coordinate_transformation_mode", "half_pixel", *_PLACES)
    if mode == "cubic":
        node.only("exclude_outside", 0)
    # These say nothing about the numbers within.
    for name in ("exclude_outside", "extrapolation_value"):
        node.attribute(name)
    curve = float(node.attribute("cubic_coeff_a", -0.75))
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
        at = _PLACES[places_by](np.arange(size), size, length, scale)
        if mode == "nearest":
            result = _taken(result, _rounded(at, rounding), axis)
            continue
        parts = [
            _weighted(scope, result, *tap, axis) for tap in (_cubic(at, curve) if mode == "cubic" else _linear(at))
        ]
        result = reduce(lambda a, b: combined(scope, "add", [a, b]), parts)
    return [result]


# ONNX operator specification, Resize-19: the place in the input of every place `i` in the result.
_PLACES: dict[str, Callable[[Array, int, int, float], Array]] = {
    "half_pixel": lambda i, size, length, scale: (i + 0.5) / scale - 0.5,
    "pytorch_half_pixel": lambda i, size, length, scale: (i + 0.5) / scale - 0.5 if size > 1 else 0.0 * i,
    "asymmetric": lambda i, size, length, scale: i / scale,
    "align_corners": lambda i, size, length, scale: i * ((length - 1) / (size - 1)) if size > 1 else 0.0 * i,
}


def _taken(value: Tensor, places: Array, axis: int) -> Tensor:
    chosen = np.clip(places, 0, value.shape[axis] - 1).astype(np.int64)
    return value.rearranged(partial(np.take, indices=chosen, axis=axis))


def _weighted(scope: SymbolTable, value: Tensor, places: Array, weights: Array, axis: int) -> Tensor:
    wide = [-1 if k == axis else 1 for k in range(len(value.shape))]
    by = scope.program.constant(weights.astype(np.float32).reshape(wide))
    return combined(scope, "multiply", [_taken(value, places, axis), by])


def _linear(at: Array) -> list[tuple[Array, Array]]:
    """Two neighbours and their weights."""
    below = np.floor(at)
    return [(below, 1 - (at - below)), (below + 1, at - below)]


def _cubic(at: Array, a: float) -> list[tuple[Array, Array]]:
    """Four neighbours (Keys 1981, Cubic Convolution Interpolation for Digital Image Processing, equation 4)."""
    below = np.floor(at)

    def weight(d: Array) -> Array:
        near = ((a + 2) * d - (a + 3)) * d * d + 1
        return np.where(d <= 1, near, ((a * d - 5 * a) * d + 8 * a) * d - 4 * a)

    return [(below + k, weight(np.abs(at - below - k))) for k in (-1, 0, 1, 2)]


def _rounded(at: Array, how: str) -> Array:
    if how in ("floor", "ceil"):
        return np.floor(at) if how == "floor" else np.ceil(at)
    return np.ceil(at - 0.5) if how == "round_prefer_floor" else np.floor(at + 0.5)
