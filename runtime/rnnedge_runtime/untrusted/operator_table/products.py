"""Products of matrices."""

from __future__ import annotations

from rnnedge_runtime.untrusted.operator_table.attributes import FLAG, Number
from rnnedge_runtime.untrusted.operator_table.node import Node, Shape
from rnnedge_runtime.untrusted.operator_table.shapes import joined, known_rank, one, onto
from rnnedge_runtime.untrusted.operator_table.table import Row, Shapes, rows


def _matmul(node: Node) -> Shapes:
    """(..., m, k) times (..., k, n); a vector is one row in front, and one column after."""
    a, b = node.shape(0), node.shape(1)
    if a is None or b is None:
        return (None,)
    if not a or not b:
        node.refuse("axes of both factors", (a, b))
    left: Shape = a if len(a) > 1 else (1, *a)
    right: Shape = b if len(b) > 1 else (*b, 1)
    one(node, (left[-1], right[-2]), "columns of the first factor and rows of the second")
    around = joined(node, (left[:-2], right[:-2])) or ()
    return ((*around, *(left[-2:-1] if len(a) > 1 else ()), *(right[-1:] if len(b) > 1 else ())),)


def _gemm(node: Node) -> Shapes:
    a, b = known_rank(node, 0, 2), known_rank(node, 1, 2)
    if a is None or b is None:
        return (None,)
    rows_, depth = a[::-1] if node.get("transA", 0) else a
    other, columns = b[::-1] if node.get("transB", 0) else b
    one(node, (depth, other), "columns of the first factor and rows of the second")
    onto(node, node.shape(2), (rows_, columns), "a summand")
    return ((rows_, columns),)


rows("MatMul", Row((2, 2), shapes=_matmul))
rows(
    "Gemm", Row((2, 3), attributes={"alpha": Number(), "beta": Number(), "transA": FLAG, "transB": FLAG}, shapes=_gemm)
)
