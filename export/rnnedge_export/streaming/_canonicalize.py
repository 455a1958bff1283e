"""Canonicalize equivalent patterns, so that each streaming rule meets one of them.

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
10. More padding in front than the window of a convolution reaches back over, such as that of a kernel of 1, is a Pad:
    what it comes to are frames that no call waits for.
11. What is read by the length of the sequence is the last frame, or a mean (see `_by_length`).
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from rnnedge_export.graph.builder import GraphBuilder, replace
from rnnedge_export.graph.decompositions import lower
from rnnedge_export.graph.lengths import ANY_LENGTH, Lengths
from rnnedge_export.graph.simplification import simplify
from rnnedge_export.streaming._by_length import read_by_length
from rnnedge_export.streaming._canonical_padding import (
    give_back_padding,
    give_out_padding,
    pad_with_zeros,
    repeat_end,
    take_padding,
)
from rnnedge_export.streaming._computed_numbers import fix_numbers
from rnnedge_export.streaming._constant_masks import write_constant_masks
from rnnedge_export.streaming._zero_taps import without_zero_taps
from rnnedge_export.streaming.facts import constant


def normalize(model: ir.Model, batch_axis: int, lengths: Lengths = ANY_LENGTH) -> ir.Model:
    """A copy of `model` in canonical form. `lengths`: the sequences that the source takes."""
    normal = model.clone()
    lower(normal)
    builder = GraphBuilder(normal)
    for node in list(normal.graph):
        if node.op_type == "ConvTranspose":
            _as_convolution(node, builder)
    for node in list(normal.graph):
        if node.op_type == "Concat":
            pad_with_zeros(node, builder)
    fix_numbers(normal, builder, lengths)
    read_by_length(normal, builder, lengths)
    for node in list(normal.graph):
        if node.op_type == "Conv":
            take_padding(node)
            without_zero_taps(node, builder)
    for node in list(normal.graph):
        if node.op_type == "Slice":
            give_back_padding(node, builder)
    for node in list(normal.graph):
        if node.op_type == "Conv":
            give_out_padding(node, builder)
    for node in list(normal.graph):
        if node.op_type == "Concat":
            repeat_end(node, builder)
    masked = write_constant_masks(normal, builder, lengths)
    if _fold_sizes(normal, batch_axis, builder) or masked:
        simplify(normal)
    RemoveUnusedNodesPass()(normal)
    return normal


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
