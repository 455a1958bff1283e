"""Images and signals brought to another size."""

from __future__ import annotations

from rnnedge_runtime.careful.operator_table.attributes import AXES, FLAG, Number, Numbers, Word
from rnnedge_runtime.careful.operator_table.table import Row, rows

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
    ),
)
rows("Upsample", Row((1, 2), attributes={"mode": Word(("nearest", "linear")), "scales": Numbers(1.0)}))
