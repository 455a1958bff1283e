"""Windows of which one number is taken."""

from __future__ import annotations

from math import prod

from rnnedge_runtime.untrusted.operator_table.attributes import FLAG, LARGEST, MOST_AXES, SIZES, Integers, Kind
from rnnedge_runtime.untrusted.operator_table.convolution import AUTO_PAD, PADS, pads_of, per_axis, windows
from rnnedge_runtime.untrusted.operator_table.node import Node
from rnnedge_runtime.untrusted.operator_table.table import Row, Shapes, rows

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


def _pool(node: Node) -> Shapes:
    axes = len(node.get("kernel_shape"))
    kernel, strides = per_axis(node, "kernel_shape", axes, 1), per_axis(node, "strides", axes, 1)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, per_axis(node, "dilations", axes, 1), strict=True)]
    pads, ceil = pads_of(node, axes), bool(node.get("ceil_mode", 0))
    for span, pad in zip(spans, pads, strict=True):
        if max(pad) >= span:
            node.refuse(f"pads below the {span} that a window covers", list(pad))
    x = node.shape(0)
    if x is None:
        return (None, None)
    if len(x) != axes + 2:
        node.refuse(f"{axes + 2} axes, as kernel_shape says", len(x))
    made = (windows(node, *each, ceil=ceil) for each in zip(x[2:], spans, strides, pads, strict=True))
    found = (*x[:2], *made)
    return (found, found)


def _everything(node: Node) -> Shapes:
    x = node.shape(0)
    if x is None:
        return (None,)
    if len(x) < 3 or 0 in x[2:]:
        node.refuse("numbers in at least 3 axes", x)
    return ((*x[:2], *(1 for _ in x[2:])),)


rows("AveragePool", Row((1, 1), attributes={**_BOTH, "count_include_pad": FLAG}, check=_window, shapes=_pool))
rows("MaxPool", Row((1, 1), (1, 2), attributes={**_BOTH, "storage_order": FLAG},
                    result=lambda node: (node.type(0), "int64"), check=_window, shapes=_pool))  # fmt: skip
rows("GlobalAveragePool GlobalMaxPool", Row((1, 1), shapes=_everything))
