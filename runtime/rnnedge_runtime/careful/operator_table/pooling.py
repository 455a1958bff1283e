"""Windows of which one number is taken."""

from __future__ import annotations

from math import prod

from rnnedge_runtime.careful.operator_table.attributes import FLAG, LARGEST, MOST_AXES, SIZES, Integers, Kind
from rnnedge_runtime.careful.operator_table.convolution import AUTO_PAD, PADS
from rnnedge_runtime.careful.operator_table.node import Node
from rnnedge_runtime.careful.operator_table.table import Row, rows

_BOTH: dict[str, Kind] = {
    "auto_pad": AUTO_PAD,
    "ceil_mode": FLAG,
    "dilations": SIZES,
    "kernel_shape": Integers(1, LARGEST, MOST_AXES, required=True),
    "pads": PADS,
    "strides": SIZES,
}

_WIDEST = 1 << 16


def _window(node: Node) -> None:
    """A kernel is worked through for every output, however much of it is padding."""
    size = prod(node.get("kernel_shape"))
    if size > _WIDEST:
        node.refuse(f"a window of at most {_WIDEST:,}", f"{size:,}")


rows("AveragePool", Row((1, 1), attributes={**_BOTH, "count_include_pad": FLAG}, check=_window))
rows("MaxPool", Row((1, 1), (1, 2), attributes={**_BOTH, "storage_order": FLAG},
                    result=lambda node: (node.type(0), "int64"), check=_window))  # fmt: skip
rows("GlobalAveragePool GlobalMaxPool", Row((1, 1)))
