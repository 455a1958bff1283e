"""Convolutions, plain and transposed.

X (batch, channels, ...), W (made, channels / group, ...), of a transposed one (channels, made / group, ...).
"""

from __future__ import annotations

from collections.abc import Sequence

from rnnedge_runtime.untrusted.operator_table.attributes import LARGEST, SIZES, Integer, Integers, Kind, Word
from rnnedge_runtime.untrusted.operator_table.node import Node, Shape
from rnnedge_runtime.untrusted.operator_table.shapes import Dim, fits, one
from rnnedge_runtime.untrusted.operator_table.table import Row, Shapes, rows

PADS = Integers(0, LARGEST)
AUTO_PAD = Word(("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"))
_BOTH: dict[str, Kind] = {
    "auto_pad": AUTO_PAD,
    "dilations": SIZES,
    "group": Integer(1, LARGEST),
    "kernel_shape": SIZES,
    "pads": PADS,
    "strides": SIZES,
}


def per_axis(node: Node, name: str, axes: int, default: int, times: int = 1) -> Sequence[int]:
    """An attribute that has one number for every spatial axis, or `times` as many."""
    found: Sequence[int] = node.get(name, [default] * axes * times)
    if len(found) != axes * times:
        node.refuse(f"{axes * times} numbers as attribute {name!r}", list(found))
    return found


def pads_of(node: Node, axes: int) -> list[tuple[int, int]]:
    """What is put before and after every spatial axis, where attributes say it."""
    pads = per_axis(node, "pads", axes, 0, 2)
    if node.get("auto_pad", "NOTSET") != "NOTSET" and any(pads):
        node.refuse("either pads or auto_pad", list(pads))
    return list(zip(pads[:axes], pads[axes:], strict=True))


def windows(node: Node, length: Dim, span: Dim, stride: int, pads: tuple[int, int], *, ceil: bool = False) -> Dim:
    """How many windows of `span` an axis of `length` has."""
    if length is None:
        return None
    if node.get("auto_pad", "NOTSET").startswith("SAME"):
        return -(-length // stride)
    if span is None:
        return None
    room = length + sum(pads) - span
    if room < 0 or not length:
        node.refuse(f"an axis of at least {max(span - sum(pads), 1)}", length)
    found = (-(-room // stride) if ceil else room // stride) + 1
    # ONNX Pool: with ceil_mode a window that begins after the numbers is left out.
    return found - (ceil and (found - 1) * stride >= length + pads[0])


def _weights(node: Node) -> tuple[Shape, Shape] | None:
    """Shapes of X and W, which have as many axes, and of the kernel what the attribute says."""
    x, w = node.shape(0), node.shape(1)
    if w is None:
        return None
    if len(w) < 3:
        node.refuse("weights of at least 3 axes", len(w))
    x = (None,) * len(w) if x is None else x
    if len(x) != len(w):
        node.refuse(f"{len(w)} axes of the input, as the weights have", len(x))
    if "kernel_shape" in node.attributes:
        fits(node, w[2:], tuple(per_axis(node, "kernel_shape", len(w) - 2, 1)), "a kernel")
    return x, w


def _conv(node: Node) -> Shapes:
    shapes = _weights(node)
    if shapes is None:
        return (None,)
    x, w = shapes
    group, axes = node.get("group", 1), len(w) - 2
    one(node, (x[1], None if w[1] is None else w[1] * group), "channels of the input and of all groups of the weights")
    if w[0] is not None and w[0] % group:
        node.refuse(f"a multiple of {group} channels made", w[0])
    fits(node, node.shape(2), (w[0],), "a bias")
    strides, dilations = per_axis(node, "strides", axes, 1), per_axis(node, "dilations", axes, 1)
    pads = pads_of(node, axes)
    spans = [None if k is None else d * (k - 1) + 1 for k, d in zip(w[2:], dilations, strict=True)]
    if any(k == 0 for k in w):
        node.refuse("weights", w)
    made = (windows(node, *each) for each in zip(x[2:], spans, strides, pads, strict=True))
    return ((x[0], w[0], *made),)


def _transposed(node: Node) -> Shapes:
    shapes = _weights(node)
    if shapes is None:
        return (None,)
    x, w = shapes
    group, axes = node.get("group", 1), len(w) - 2
    channels = one(node, (x[1], w[0]), "channels of the input and of the weights")
    if channels is not None and channels % group:
        node.refuse(f"a multiple of {group} channels", channels)
    if any(k == 0 for k in w):
        node.refuse("weights", w)
    made = None if w[1] is None else w[1] * group
    fits(node, node.shape(2), (made,), "a bias")
    strides, dilations = per_axis(node, "strides", axes, 1), per_axis(node, "dilations", axes, 1)
    more = per_axis(node, "output_padding", axes, 0)
    pads, asked = pads_of(node, axes), node.get("output_shape")
    for extra, stride, dilation in zip(more, strides, dilations, strict=True):
        if extra and extra >= max(stride, dilation):
            node.refuse(f"output_padding below {max(stride, dilation)}, stride or dilation", extra)
    if asked is not None or node.get("auto_pad", "NOTSET").startswith("SAME"):
        return ((x[0], made, *(per_axis(node, "output_shape", axes, 1) if asked is not None else (None,) * axes)),)
    sizes: list[Dim] = []
    for length, kernel, stride, dilation, extra, pad in zip(x[2:], w[2:], strides, dilations, more, pads, strict=True):
        if length is None or kernel is None:
            sizes.append(None)
            continue
        size = (length - 1) * stride + dilation * (kernel - 1) + 1 + extra - sum(pad)
        if size < 1 or not length:
            node.refuse("pads that leave something", list(pad))
        sizes.append(size)
    return ((x[0], made, *sizes),)


rows("Conv", Row((2, 3), attributes=_BOTH, shapes=_conv))
rows(
    "ConvTranspose",
    Row((2, 3), attributes={**_BOTH, "output_padding": PADS, "output_shape": SIZES}, shapes=_transposed),
)
