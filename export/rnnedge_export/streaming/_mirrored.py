"""Padding made of the sequence's own frames: reflected at either end, or its last frame repeated after it.

In front, frames p, ..., 2, 1 stand before frame 0. They are known when frame p has come: a window over them waits
until then, and finds them in its cache. Often it waits for nothing, since the call brings frame p, or it looks ahead
anyway; and frames under weights of zero are not needed. Anything else gets the padding as frames, which come p frames
later.
At the end, frame n - 1 + j is frame n - 1 - j, or n - 1 where the last one is repeated: frames that came, and are kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import onnx_ir as ir

from rnnedge_export.streaming._caches import aligned, counted, cursor, cut, hold, insert, per_call
from rnnedge_export.streaming.facts import Fact, Facts, Front, constant


def mirrored_behind(node: ir.Node, value: ir.Value, fact: Fact, frames: int, mode: str, facts: Facts) -> ir.Value:
    """The value with `frames` frames past the end of the sequence in place of what comes there."""
    kept = frames * (2 if mode == "reflect" else 1)
    assert fact.axis is not None
    buffer = hold(node, value, fact, kept, facts, kind="ending")
    last = _last(node, fact, kept, facts)
    place = _places(node, fact, kept, facts)
    if mode == "reflect":
        away = insert(node, facts, "Abs", insert(node, facts, "Sub", place, last))
        source = insert(node, facts, "Sub", last, away)
    else:
        source = insert(node, facts, "Min", place, last)
    source = insert(node, facts, "Max", source, facts.builder.scalar(0.0, ir.DataType.FLOAT))
    index = insert(node, facts, "Cast", source, to=ir.DataType.INT64)
    facts.note(node, f"{counted(kept)} kept for the end")
    out = insert(node, facts, "Gather", buffer, index, like=value, axis=fact.axis)
    out.shape = value.shape
    return out


def _last(node: ir.Node, fact: Fact, kept: int, facts: Facts) -> ir.Value:
    """Where the last frame of the sequence so far stands among `kept` frames and those of the call, (1,)."""
    within = insert(node, facts, "Cast", cursor("mask", fact.clock, facts), to=ir.DataType.FLOAT)
    within.type, within.shape = ir.TensorType(ir.DataType.FLOAT), cursor("mask", fact.clock, facts).shape
    before = hold(node, within, Fact(0, replace(fact.clock, delay=0)), kept, facts, kind="within")
    numbered = insert(node, facts, "Mul", before, _places(node, fact, 0, facts, kept))
    return insert(node, facts, "ReduceMax", numbered, facts.builder.ints(0), keepdims=1)


def _places(node: ir.Node, fact: Fact, start: int, facts: Facts, more: int = 0) -> ir.Value:
    """start, start + 1, ...: one for each frame of the call, and `more`."""
    if facts.chunk is not None:
        count = per_call(node, fact, facts) + more
        return facts.builder.const(np.arange(start, start + count, dtype=np.float32), "places")
    builder = facts.builder
    size = insert(node, facts, "Size", cursor("mask", fact.clock, facts))
    end = insert(node, facts, "Add", size, builder.const(np.asarray(start + more, np.int64)))
    limits = (builder.const(np.asarray(start, np.int64)), end, builder.const(np.asarray(1, np.int64)))
    return insert(node, facts, "Cast", insert(node, facts, "Range", *limits), to=ir.DataType.FLOAT)


def reflected_in_front(
    node: ir.Node, value: ir.Value, fact: Fact, frames: int, facts: Facts
) -> tuple[ir.Value, Fact, Front | None]:
    """The value with `frames` frames in front; they stand in its cache where a window is all that reads it."""
    value, fact, _ = aligned(node, value, fact, facts)
    axis, count = cast(int, fact.axis), per_call(node, fact, facts)
    alone, need = _read_by_a_window(node, axis, frames)
    since = -(-max(0, need + 1 - count) // count) * count
    front = Front(need, since, (fact.clock.delay + since) // count)
    clock = replace(fact.clock, length=(*fact.clock.length, (1, frames, 1)))
    facts.note(node, f"{counted(frames)} reflected in front")
    if alone:
        return value, replace(fact, clock=replace(clock, delay=clock.delay - frames)), front
    buffer = hold(node, value, fact, frames + since, facts, kind="padding", front=front)
    out = cut(node, facts, buffer, axis, 0, -frames - since)
    return out, replace(fact, clock=replace(clock, delay=clock.delay + since)), None


def _read_by_a_window(node: ir.Node, axis: int, frames: int) -> tuple[bool, int]:
    """Whether a convolution wider than the padding is all that reads it; and how many of the frames it needs."""
    uses = node.outputs[0].uses()
    reader = next(iter(uses)).node if len(uses) == 1 else None
    if reader is None or reader.op_type != "Conv" or reader.inputs[0] is not node.outputs[0] or axis < 2:
        return False, frames
    weights, attributes = constant(reader.inputs[1]), reader.attributes
    if weights is None or any(attributes.get_ints("pads", ()) or ()):
        return False, frames
    dilation = (list(attributes.get_ints("dilations") or []) or [1] * axis)[axis - 2]
    taps = np.asarray(np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1).any(1))
    wide = (len(taps) - 1) * dilation >= frames
    return wide, max(0, frames - int(taps.argmax()) * dilation) if wide else frames
