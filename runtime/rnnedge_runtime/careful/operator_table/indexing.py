"""Elements picked by numbers, and numbers of elements."""

from __future__ import annotations

from rnnedge_runtime.careful.operator_table.attributes import AXIS, FLAG, MOST_AXES, Integer, Word
from rnnedge_runtime.careful.operator_table.node import Node
from rnnedge_runtime.careful.operator_table.table import Row, rows


def _batch_dims(node: Node) -> None:
    """ONNX: batch_dims is less than the rank of the data and than that of the indices."""
    batch_dims = node.get("batch_dims", 0)
    for k in (0, 1):
        rank = node.rank(k)
        if rank is not None and batch_dims >= rank:
            node.refuse(f"batch_dims of less than {rank}, the axes of input {k}", batch_dims)


_REDUCTIONS = Word(("none", "add", "mul", "max", "min"))

rows("Gather GatherElements", Row((2, 2), attributes={"axis": AXIS}))
rows("GatherND", Row((2, 2), attributes={"batch_dims": Integer(0, MOST_AXES - 1)}, check=_batch_dims))
rows(
    "ArgMax ArgMin",
    Row((1, 1), attributes={"axis": AXIS, "keepdims": FLAG, "select_last_index": FLAG}, result="int64"),
)
rows("ScatterND", Row((3, 3), attributes={"reduction": _REDUCTIONS}))
rows("ScatterElements", Row((3, 3), attributes={"axis": AXIS, "reduction": _REDUCTIONS}))
rows("ReverseSequence", Row((2, 2), attributes={"batch_axis": Integer(0, 1), "time_axis": Integer(0, 1)}))
rows(
    "TopK",
    Row(
        (2, 2),
        (2, 2),
        attributes={"axis": AXIS, "largest": FLAG, "sorted": FLAG},
        result=lambda node: (node.type(0), "int64"),
    ),
)
