"""Images and signals brought to another size."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, isfinite

from rnnedge_runtime.untrusted.operator_table.attributes import AXES, FLAG, Number, Word
from rnnedge_runtime.untrusted.operator_table.node import Node
from rnnedge_runtime.untrusted.operator_table.shapes import axes_in, integers
from rnnedge_runtime.untrusted.operator_table.table import Row, Shapes, rows


def _scaled(node: Node, scales: Sequence[float] | None) -> Shapes:
    """Every length times its scale, rounded down."""
    x = node.shape(0)
    if x is None or scales is None:
        return (None if x is None else (None,) * len(x),)
    if len(scales) != len(x) or not all(isfinite(one) and one > 0 for one in scales):
        node.refuse(f"scales above 0 for {len(x)} axes", scales)
    dims = tuple(None if dim is None else floor(dim * scale) for dim, scale in zip(x, scales, strict=True))
    if any(made == 0 and dim for made, dim in zip(dims, x, strict=True)):
        node.refuse("scales that leave something", scales)
    return (dims,)


def _numbers(node: Node, k: int) -> list[float] | None:
    """A constant row of floats; an empty one says nothing, as if it were not there."""
    found = node.constant(k)
    if found is not None and found.dtype.kind != "f":
        node.refuse(f"floats as input {k}", found.dtype)
    return None if found is None else [float(one) for one in found.ravel()]


def _resized(node: Node) -> Shapes:
    x, axes, sizes = node.shape(0), node.get("axes"), integers(node, 3)
    if axes is not None and x is not None:
        axes_in(node, axes, len(x))
        return ((None,) * len(x),)
    if node.has(3):
        if sizes is not None and (min(sizes, default=1) < 1 or (x is not None and len(sizes) != len(x))):
            node.refuse("sizes of 1 and more for every axis", sizes)
        if x is not None and 0 in x:
            node.refuse("numbers to resize", x)
        return (None if sizes is None else tuple(sizes),)
    return _scaled(node, _numbers(node, 2))


rows(
    "Resize",
    Row(
        (1, 4),
        optional_inputs=(1, 2),
        attributes={
            "antialias": FLAG,
            "axes": AXES,
            "coordinate_transformation_mode": Word(
                ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric")
            ),
            "cubic_coeff_a": Number(),
            "exclude_outside": FLAG,
            "extrapolation_value": Number(),
            "keep_aspect_ratio_policy": Word(("stretch", "not_larger", "not_smaller")),
            "mode": Word(("nearest", "linear", "cubic")),
            "nearest_mode": Word(("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")),
        },
        shapes=_resized,
    ),
)
