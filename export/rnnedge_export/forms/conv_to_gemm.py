"""A convolution over time that gives one frame a call, as one product over the frames that it reads.

onnxruntime's Conv and its copies along the last axis cost more than the arithmetic of one frame. With time in front of
the channels the cache is copied in one piece, the frames that a dilated kernel reads are rows, and the rest is a Gemm:
2.9 to 4.9 us where Concat, Slice and Conv take 4.0 to 6.5 (64 channels, kernel 3, dilations 1 to 64).

1. A Conv of one spatial axis, without groups, stride and padding, over Concat(cache, frame), which only the convolution
   and the cut that makes the next cache read.
2. The cache is (batch, frames, channels) then, in the contract as in the graph.
3. A kernel of one frame reads no cache: a Gemm by itself, which lets the time axis go on the way around it too.
"""

from __future__ import annotations

from dataclasses import replace as changed
from typing import cast

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, constant, replace
from rnnedge_export.graph.shaped_builder import ShapedBuilder, shape_of
from rnnedge_runtime.contract import Array, State

_END = (1 << 63) - 1


def convolve_taps(model: ir.Model, states: tuple[State, ...]) -> tuple[State, ...]:
    """Rewrite every such convolution of the main graph, in place; returns the states with their new shapes."""
    builder = GraphBuilder(model)
    turned = {name for node in list(model.graph) if node.op_type == "Conv" and (name := _rewrite(node, builder))}
    return tuple(_turned(state) if state.input in turned else state for state in states)


def _rewrite(conv: ir.Node, builder: GraphBuilder) -> str | None:
    """The name of the cache, where case 1 holds."""
    buffer, weights = conv.inputs[0], constant(cast(ir.Value, conv.inputs[1]))
    if buffer is None or buffer.shape is None or weights is None or weights.ndim != 3 or not _is_plain(conv):
        return None
    if weights.shape[2] == 1 and shape_of(buffer)[2] == 1:
        _one_tap(conv, buffer, weights, builder)
        return None
    joint = buffer.producer()
    if joint is None or not _is_cache(joint):
        return None
    cache, frame = (cast(ir.Value, value) for value in joint.inputs)
    cuts = [node for node, _ in buffer.uses() if node is not conv]
    dilation = (list(conv.attributes.get_ints("dilations") or []) or [1])[0]
    taps, held = weights.shape[2], (weights.shape[2] - 1) * dilation
    if shape_of(cache)[2] != held or shape_of(frame)[2] != 1:
        return None
    if len(cuts) != 1 or cuts[0].op_type != "Slice" or buffer.is_graph_output():
        return None
    batch, channels, _ = shape_of(cache)
    graph, builder.place = cast(ir.Graph, conv.graph), conv.name or "Conv"
    write = ShapedBuilder(builder, frame)
    cache.shape = ir.Shape([batch, held, channels])
    row = write.transposed(frame, [0, 2, 1])
    rows = write.op("Concat", [batch, held + 1, channels], cache, row, axis=1)
    graph.insert_before(joint, builder.take())
    kept = write.op("Slice", [batch, held, channels], rows, builder.ints(1), builder.ints(_END), builder.ints(1))
    cuts[0].outputs[0].shape = kept.shape
    replace(cuts[0], builder, [kept])
    if dilation > 1:
        places = write.const(np.arange(taps) * dilation)
        rows = write.op("Gather", [batch, taps, channels], rows, places, axis=1)
    flat = write.op("Reshape", [batch, taps * channels], rows, builder.ints(-1, taps * int(channels)))
    matrix = write.const(np.ascontiguousarray(weights.transpose(2, 1, 0).reshape(-1, weights.shape[0])))
    y = write.op("Gemm", [batch, weights.shape[0]], flat, matrix, *conv.inputs[2:])
    replace(conv, builder, [write.unsqueezed(y, [2])])
    graph.remove(joint, safe=True)
    return cache.name


def _one_tap(conv: ir.Node, frame: ir.Value, weights: Array, builder: GraphBuilder) -> None:
    """Case 3."""
    builder.place = conv.name or "Conv"
    write = ShapedBuilder(builder, frame)
    matrix = write.const(np.ascontiguousarray(weights[:, :, 0].T))
    batch = shape_of(frame)[0]
    y = write.op("Gemm", [batch, weights.shape[0]], write.squeezed(frame, [2]), matrix, *conv.inputs[2:])
    replace(conv, builder, [write.unsqueezed(y, [2])])


def _is_plain(conv: ir.Node) -> bool:
    return (
        conv.attributes.get_int("group", 1) == 1
        and set(conv.attributes.get_ints("strides") or [1]) == {1}
        and not any(conv.attributes.get_ints("pads") or [0])
        and conv.attributes.get_string("auto_pad", "NOTSET") in ("NOTSET", "VALID")
    )


def _is_cache(joint: ir.Node) -> bool:
    """Whether a node joins a state of the graph with what comes, along the last of three axes."""
    values = joint.inputs
    if joint.op_type != "Concat" or len(values) != 2 or values[0] is None or values[1] is None:
        return False
    known = all(v is not None and v.shape is not None and len(v.shape) == 3 for v in values)
    return known and values[0].is_graph_input() and len(values[0].uses()) == 1 and (
        joint.attributes.get_int("axis", 0) in (2, -1)
    )  # fmt: skip


def _turned(state: State) -> State:
    batch, channels, frames = state.shape
    initial = state.initial if isinstance(state.initial, float) else state.initial.transpose(0, 2, 1)
    return changed(state, shape=(batch, frames, channels), initial=initial)
