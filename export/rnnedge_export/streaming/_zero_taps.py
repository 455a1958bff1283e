"""Kernels that a mask has cut: taps of zeros at the end, which no frame is worth waiting for.

A convolution of 21 taps that is padded with 10 on both sides, and of whose kernel the last 10 are zero, is causal: it
is one of 11 taps with 10 frames of padding in front. Taps that reach over more than padding leave out the last frames.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.graph.shaped_builder import ShapedBuilder
from rnnedge_export.streaming.facts import constant, dims


def without_zero_taps(node: ir.Node, builder: GraphBuilder) -> None:
    """Change a convolution in place, along every axis; taps that reach over padding in front only are left."""
    kernel = constant(node.inputs[1])
    if kernel is None or node.attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
        return
    spatial = kernel.ndim - 2
    pads = list(node.attributes.get_ints("pads") or [0] * 2 * spatial)
    dilations = list(node.attributes.get_ints("dilations") or [1] * spatial)
    kept = kernel
    for axis in range(spatial):
        taps = np.flatnonzero(kernel.any(axis=tuple(i for i in range(kernel.ndim) if i != axis + 2)))
        over = -(-pads[axis] // dilations[axis]) + 1
        count = min(max(over, int(taps[-1]) + 1 if len(taps) else 1), kernel.shape[axis + 2])
        pads[axis + spatial] -= (kernel.shape[axis + 2] - count) * dilations[axis]
        kept = kept.take(range(count), axis + 2)
    if kept.shape == kernel.shape:
        return
    behind = pads[spatial:]
    if min(behind) < 0:
        _leave_out(node, [max(0, -frames) for frames in behind], builder)
    node.replace_input_with(1, builder.const(np.ascontiguousarray(kept), "kernel"))
    node.attributes["pads"] = ir.AttrInt64s("pads", [*pads[:spatial], *(max(0, frames) for frames in behind)])
    node.attributes["kernel_shape"] = ir.AttrInt64s("kernel_shape", kept.shape[2:])


def _leave_out(node: ir.Node, frames: list[int], builder: GraphBuilder) -> None:
    """That many of the last ones, for each spatial axis of a convolution."""
    value = node.inputs[0]
    assert value is not None and node.graph is not None
    before, cut = dims(value), [(axis, count) for axis, count in enumerate(frames, 2) if count]
    numbers = dict(cut)
    shape = [
        d if axis not in numbers else d - numbers[axis] if isinstance(d, int) else f"({d}) - {numbers[axis]}"
        for axis, d in enumerate(before)
    ]
    builder.place = node.name or node.op_type
    bounds = (
        builder.ints(*(0 for _ in cut)), builder.ints(*(-count for _, count in cut)),
        builder.ints(*(axis for axis, _ in cut)),
    )  # fmt: skip
    shorter = ShapedBuilder(builder, value).op("Slice", shape, value, *bounds)
    node.graph.insert_before(node, builder.take())
    node.replace_input_with(0, shorter)
