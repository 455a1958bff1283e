"""Means removed and powers divided out."""

from __future__ import annotations

from rnnedge_runtime.careful.operator_table.attributes import AXES, AXIS, LARGEST, Integer, Number
from rnnedge_runtime.careful.operator_table.table import Row, rows

_EPSILON = Number(0.0)
_STASH = Integer(1, 1)

rows("BatchNormalization", Row((5, 5), attributes={"epsilon": _EPSILON, "momentum": Number(0, 1),
                                                   "training_mode": Integer(0, 0)}))  # fmt: skip
rows("InstanceNormalization", Row((3, 3), attributes={"epsilon": _EPSILON}))
rows(
    "GroupNormalization",
    Row(
        (3, 3),
        attributes={"epsilon": _EPSILON, "num_groups": Integer(1, LARGEST, required=True), "stash_type": _STASH},
    ),
)
rows("LayerNormalization", Row((2, 3), (1, 3), attributes={"axis": AXIS, "epsilon": _EPSILON, "stash_type": _STASH}))
rows("RMSNormalization", Row((2, 2), attributes={"axis": AXIS, "epsilon": _EPSILON, "stash_type": _STASH}))
rows("LpNormalization", Row((1, 1), attributes={"axis": AXIS, "p": Integer(1, 2)}))
rows("MeanVarianceNormalization", Row((1, 1), attributes={"axes": AXES}))
