"""Different ways to write one thing, written one way, so that each streaming rule meets one.

1. Zero padding in front of a convolution is the convolution's own padding.
2. A transposed convolution of stride 1 is a convolution with the kernel reversed.
3. Output frames of a convolution of stride 1 that are cut off right away are padding that it does not have (the
   "chomp" of temporal convolutional networks).
4. A cut to the length of another value is a cut by a number of frames, or none, if the number is the same at every
   length; and so is every other number that is computed from lengths (see `_computed_numbers`).
5. The first frame of a value joined in front of it, as torch.diff(x, prepend=x[:, :1]) does, and the last one behind
   it, are padding that repeats it.
6. Zeros joined at the end, whose number is computed, are padding.
7. The size of an axis that is a number is that number, and the size of the batch is read from the graph's input.
8. A mask of lengths that leaves every frame in is a constant.
9. Taps of zeros at the end of a kernel are left out, with the padding that they lie over (see `_zero_taps`).
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from rnnedge_export.graph.builder import GraphBuilder, replace
from rnnedge_export.graph.decompositions import lower
from rnnedge_export.graph.lengths import ANY_LENGTH, Lengths
from rnnedge_export.graph.simplification import simplify
from rnnedge_export.streaming._computed_numbers import fix_numbers
from rnnedge_export.streaming._constant_masks import write_constant_masks
from rnnedge_export.streaming._zero_taps import without_zero_taps
from rnnedge_export.streaming.facts import constant, dims, integers
from rnnedge_export.streaming.recurrent import is_zero

_ENDLESS = 1 << 31


def normalize(model: ir.Model, batch_axis: int, lengths: Lengths = ANY_LENGTH) -> ir.Model:
    """A copy of `model` in normal form. `lengths`: the sequences that the source takes."""
    normal = model.clone()
    lower(normal)
    builder = GraphBuilder(normal)
    for node in list(normal.graph):
        if node.op_type == "ConvTranspose":
            _as_convolution(node, builder)
    for node in list(normal.graph):
        if node.op_type == "Concat":
            _pad_with_zeros(node, builder)
    fix_numbers(normal, builder, lengths)
    for node in list(normal.graph):
        if node.op_type == "Conv":
            _take_padding(node)
            without_zero_taps(node, builder)
    for node in list(normal.graph):
        if node.op_type == "Slice":
            _give_back_padding(node, builder)
    for node in list(normal.graph):
        if node.op_type == "Concat":
            _repeat_end(node, builder)
    masked = write_constant_masks(normal, builder, lengths)
    if _fold_sizes(normal, batch_axis, builder) or masked:
        simplify(normal)
    RemoveUnusedNodesPass()(normal)
    return normal


def _take_padding(node: ir.Node) -> None:
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


def _give_back_padding(node: ir.Node, builder: GraphBuilder) -> None:
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


def _pad_with_zeros(node: ir.Node, builder: GraphBuilder) -> None:
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


def _repeat_end(node: ir.Node, builder: GraphBuilder) -> None:
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


def _as_convolution(node: ir.Node, builder: GraphBuilder) -> None:
    """Case 2: Conv with the kernel reversed, in and out swapped within each group, and the padding that is left."""
    weights = constant(node.inputs[1])
    if weights is None:
        return
    spatial = weights.ndim - 2
    strides = list(node.attributes.get_ints("strides") or []) or [1] * spatial
    extra = list(node.attributes.get_ints("output_padding") or [])
    if set(strides) != {1} or any(extra) or node.attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
        return
    dilations = list(node.attributes.get_ints("dilations") or []) or [1] * spatial
    pads = list(node.attributes.get_ints("pads") or []) or [0] * 2 * spatial
    left = [(k - 1) * d - p for k, d, p in zip([*weights.shape[2:]] * 2, dilations * 2, pads, strict=True)]
    if min(left) < 0:
        return
    group = node.attributes.get_int("group", 1)
    ins, outs = weights.shape[0] // group, weights.shape[1]
    parts = weights.reshape(group, ins, outs, *weights.shape[2:]).swapaxes(1, 2)
    turned = parts.reshape(group * outs, ins, *weights.shape[2:])[
        (slice(None), slice(None), *[slice(None, None, -1)] * spatial)
    ]
    builder.place = node.name or node.op_type
    out = builder.op(
        "Conv", node.inputs[0], builder.const(np.ascontiguousarray(turned), "kernel"), *node.inputs[2:], group=group,
        dilations=dilations, pads=left, strides=strides, kernel_shape=list(weights.shape[2:]),
    )  # fmt: skip
    conv = out.producer()
    assert conv is not None
    conv.name = node.name
    replace(node, builder, [out])


def _fold_sizes(model: ir.Model, batch_axis: int, builder: GraphBuilder) -> bool:
    """Case 7: Shape(v) without time in it, and a number that Gather takes out of Shape(v), do not read v."""
    changed = False
    batch = _batch_size(model, batch_axis, builder)
    for node in list(model.graph):
        if node.op_type == "Shape":
            value = node.inputs[0]
            if value is None or value.shape is None or value.is_graph_input():
                continue
            start, end = node.attributes.get_int("start", 0), node.attributes.get_int("end", len(value.shape))
            part = list(value.shape)[start:end]
            if part and all(isinstance(d, int) or str(d) == "batch" for d in part):
                pieces = [builder.ints(d) if isinstance(d, int) else batch for d in part]
                replace(
                    node,
                    builder,
                    [builder.op("Concat", *pieces, axis=0) if len(pieces) > 1 else builder.op("Identity", *pieces)],
                )
                changed = True
        elif node.op_type == "Gather":
            source, index = node.inputs[0], constant(node.inputs[1])
            shape = source.producer() if source is not None else None
            if shape is None or shape.op_type != "Shape" or index is None or index.ndim or shape.inputs[0] is None:
                continue
            whole = shape.inputs[0].shape
            if whole is None or "start" in shape.attributes or "end" in shape.attributes:
                continue
            dim = whole[int(index)]
            if isinstance(dim, int):
                replace(node, builder, [builder.const(np.array(dim, np.int64))])
                changed = True
    return changed


def _batch_size(model: ir.Model, batch_axis: int, builder: GraphBuilder) -> ir.Value:
    """The number of sequences, int64 (1,), at the beginning of the graph."""
    value = builder.op("Shape", model.graph.inputs[0], start=batch_axis, end=batch_axis + 1)
    (node,) = builder.take()
    first = next(iter(model.graph), None)
    if first is None:
        model.graph.append(node)
    else:
        model.graph.insert_before(first, node)
    return value
