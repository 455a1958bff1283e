"""Cases 1, 3, 5, 6 and 10 of `_canonicalize`: padding that is written as another operator."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, replace
from rnnedge_export.graph.symbolic_dims import grows
from rnnedge_export.streaming._window import kernel_of
from rnnedge_export.streaming.facts import constant, dims, integers
from rnnedge_export.streaming.recurrent import is_zero

_ENDLESS = 1 << 31


def take_padding(node: ir.Node) -> None:
    """Case 1: of one Pad that only this convolution reads."""
    value = node.inputs[0]
    pad = value.producer() if value is not None else None
    if value is None or pad is None or pad.op_type != "Pad" or len(value.uses()) != 1 or value.is_graph_output():
        return
    if pad.attributes.get_string("mode", "constant") != "constant" or pad.inputs[0] is None or value.shape is None:
        return
    fill = constant(pad.inputs[2]) if len(pad.inputs) > 2 and pad.inputs[2] is not None else np.zeros(1)
    amounts, ndim = integers(pad, 1), len(value.shape)
    axes = integers(pad, 3) if len(pad.inputs) > 3 and pad.inputs[3] is not None else list(range(ndim))
    if fill is None or fill.any() or amounts is None or axes is None or min(amounts) < 0:
        return
    if node.attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
        return
    pads = list(node.attributes.get_ints("pads") or []) or [0] * 2 * (ndim - 2)
    for place, axis in enumerate(axis % ndim for axis in axes):
        for side in range(2):
            amount = amounts[place + side * len(axes)]
            if amount and axis < 2:
                return
            if amount:
                pads[axis - 2 + side * (ndim - 2)] += amount
    node.attributes["pads"] = ir.AttrInt64s("pads", pads)
    node.replace_input_with(0, pad.inputs[0])


def give_out_padding(node: ir.Node, builder: GraphBuilder) -> None:
    """Case 10: of the axis of time, all that is in front."""
    value = node.inputs[0]
    if value is None or value.shape is None or node.attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
        return
    kernel, spatial = kernel_of(node), len(value.shape) - 2
    pads = list(node.attributes.get_ints("pads") or []) or [0] * 2 * spatial
    dilations, strides = (
        list(node.attributes.get_ints(name) or []) or [1] * spatial for name in ("dilations", "strides")
    )
    for place, dim in enumerate(dims(value)[2:]):
        reach = (kernel[place] - 1) * dilations[place] + 1
        front = pads[place]
        if front <= max(0, reach - strides[place]) or isinstance(dim, int) or not grows(dim, "time"):
            continue
        builder.place = node.name or node.op_type
        padded = builder.op("Pad", value, builder.ints(front, 0), None, builder.ints(place + 2))
        padded.type, padded.shape = value.type, ir.Shape(value.shape)
        padded.shape[place + 2] = f"{dim} + {front}"
        assert node.graph is not None
        node.graph.insert_before(node, builder.take())
        pads[place] = 0
        node.replace_input_with(0, padded)
        node.attributes["pads"] = ir.AttrInt64s("pads", pads)
        return


def give_back_padding(node: ir.Node, builder: GraphBuilder) -> None:
    """Case 3: of the only reader of a convolution, along one axis, and no more than the padding."""
    value = node.inputs[0]
    conv = value.producer() if value is not None else None
    bounds = [integers(node, index) for index in (1, 2, 3)]
    steps = integers(node, 4) if len(node.inputs) > 4 and node.inputs[4] is not None else [1]
    if conv is None or conv.op_type != "Conv" or value is None or value.shape is None or None in bounds or steps != [1]:
        return
    (start, *more), (end, *_), (axis, *_) = (bound or [] for bound in bounds)
    place, spatial = axis % len(value.shape) - 2, len(value.shape) - 2
    if more or len(value.uses()) != 1 or value.is_graph_output() or place < 0:
        return
    pads = list(conv.attributes.get_ints("pads") or []) or [0] * 2 * spatial
    strides = list(conv.attributes.get_ints("strides") or []) or [1] * spatial
    behind = 0 if end >= _ENDLESS else -end
    if strides[place] != 1 or not 0 <= start <= pads[place] or not 0 <= behind <= pads[place + spatial]:
        return
    if conv.attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
        return
    pads[place] -= start
    pads[place + spatial] -= behind
    conv.attributes["pads"] = ir.AttrInt64s("pads", pads)
    value.shape = node.outputs[0].shape
    replace(node, builder, [value])


def pad_with_zeros(node: ir.Node, builder: GraphBuilder) -> None:
    """Case 6: Concat(v, zeros), for zeros whose number is computed."""
    if len(node.inputs) != 2 or node.outputs[0].shape is None:
        return
    axis = node.attributes.get_int("axis", 0) % len(node.outputs[0].shape)
    value, zeros = node.inputs
    source = zeros.producer() if zeros is not None else None
    if source is None or source.op_type not in ("ConstantOfShape", "Expand") or not is_zero(zeros):
        return
    if isinstance(dims(zeros)[axis], int):
        return
    builder.place = node.name or node.op_type
    count = builder.op("Shape", zeros, start=axis, end=axis + 1)
    amounts = builder.op("Concat", builder.ints(0), count, axis=0)
    padded = builder.op("Pad", value, amounts, None, builder.ints(axis))
    replace(node, builder, [padded])


def repeat_end(node: ir.Node, builder: GraphBuilder) -> None:
    """Case 5: Concat(Slice(v, 0, 1), v) or Concat(v, Slice(v, -1, end)), with the slice repeated or not."""
    if len(node.inputs) != 2 or node.outputs[0].shape is None:
        return
    axis = node.attributes.get_int("axis", 0) % len(node.outputs[0].shape)
    for place, value, bounds in ((0, node.inputs[1], [[0], [1]]), (1, node.inputs[0], [[-1], None])):
        repeated = node.inputs[place]
        source = _unrepeated(repeated)
        if source is None or source.op_type != "Slice" or source.inputs[0] is not value:
            continue
        start, end, axes = (integers(source, index) for index in (1, 2, 3))
        if axes != [axis] or start != bounds[0] or end is None or (end[0] < _ENDLESS if place else end != bounds[1]):
            continue
        count = dims(repeated)[axis]
        builder.place = node.name or node.op_type
        if isinstance(count, int):
            pads = builder.ints(*((0, count) if place else (count, 0)))
        else:
            amounts = (builder.ints(0), _size(repeated, axis, builder))
            pads = builder.op("Concat", *(amounts if place else amounts[::-1]), axis=0)
        replace(node, builder, [builder.op("Pad", value, pads, None, builder.ints(axis), mode="edge")])
        return


def _size(value: ir.Value | None, axis: int, builder: GraphBuilder) -> ir.Value:
    """Of an axis of one repeated frame, from where that has it: what is repeated is not asked then."""
    node = value.producer() if value is not None else None
    if node is not None and node.op_type in ("Expand", "Tile"):
        return builder.op("Slice", node.inputs[1], builder.ints(axis), builder.ints(axis + 1))
    return builder.op("Shape", value, start=axis, end=axis + 1)


def _unrepeated(value: ir.Value | None) -> ir.Node | None:
    """What makes the value that is repeated."""
    source = value.producer() if value is not None else None
    while source is not None and source.op_type in ("Expand", "Tile", "Identity"):
        source = source.inputs[0].producer() if source.inputs[0] is not None else None
    return source
