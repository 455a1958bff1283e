"""Products of matrices."""

from __future__ import annotations

from rnnedge_runtime.careful.operator_table.attributes import FLAG, Number
from rnnedge_runtime.careful.operator_table.table import Row, rows

rows("MatMul", Row((2, 2)))
rows("Gemm", Row((2, 3), attributes={"alpha": Number(), "beta": Number(), "transA": FLAG, "transB": FLAG}))
