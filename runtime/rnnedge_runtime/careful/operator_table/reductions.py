"""Many numbers made into one, and sums that go on."""

from __future__ import annotations

from rnnedge_runtime.careful.operator_table.attributes import AXES, AXIS, FLAG
from rnnedge_runtime.careful.operator_table.table import Row, rows

rows(
    "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum "
    "ReduceSumSquare",
    Row((1, 2), attributes={"axes": AXES, "keepdims": FLAG, "noop_with_empty_axes": FLAG}),
)
rows("CumSum", Row((2, 2), attributes={"exclusive": FLAG, "reverse": FLAG}))
rows("Softmax LogSoftmax Hardmax", Row((1, 1), attributes={"axis": AXIS}))
