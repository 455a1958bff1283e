"""Frames of frames: `x.unfold(1, size, step)`, which the exporter writes as Gather by computed numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.symbolic_dims import grows
from rnnedge_export.streaming._caches import become, counted, cut, hold, insert, per_call
from rnnedge_export.streaming._window import Window
from rnnedge_export.streaming.facts import Fact, Facts, dims, rank
from rnnedge_runtime.contract import Array


def framed(node: ir.Node, facts: Facts) -> Fact:
    """Gather along time by index[i, w] = step * i + offset[w], which is a window of the frames at those offsets.

    1. The index is evaluated; any other dependence on the length is refused. `nn.Unfold` has index[w, i].
    2. Later windows need earlier frames, which are a cache. A step divides the rate.
    3. One frame each, as unfolding over features leaves time alone: a new axis.
    """
    fact = facts.only(node)
    index = cast(ir.Value, node.inputs[1])
    position = _position(index)
    step, offsets = _window(node, index, position, facts)
    assert fact.axis is not None
    if fact.folded:
        facts.refuse(node, "time shares its axis with another", "unfold time first")
    value = cast(ir.Value, node.inputs[0])
    if step == 1 and not offsets.any() and offsets.size == 1:
        new = [fact.axis + i for i in range(rank(index)) if i != position]
        wide = insert(node, facts, "Unsqueeze", value, facts.builder.ints(*new), like=node.outputs[0])
        return become(node, wide, fact.moved(fact.axis + position), facts)
    found = Window(int(offsets.max()) + 1, step, 0, 0)
    clock = found.clock(fact.clock, fact.repeated)
    out = replace(fact, clock=clock, repeated=False)
    per_call(node, out, facts)
    frames = found.cache(fact.clock, clock)
    if frames:
        value = hold(node, value, fact, frames, facts, kind="cache")
    spare = frames - (found.reach - found.stride)
    if spare >= found.stride:
        value = cut(node, facts, value, out.axis or 0, 0, -spare)
    local = _local(node, step, offsets, out, position, facts)
    gathered = insert(node, facts, "Gather", value, local, like=node.outputs[0], axis=fact.axis)
    facts.note(node, f"frames of {counted(found.reach)}, every {step}: cache of {counted(frames)}")
    return become(node, gathered, out.moved(fact.axis + position), facts)


def _position(index: ir.Value) -> int:
    """The axis of the index on which the windows follow one another."""
    return next((i for i, d in enumerate(dims(index)) if grows(d, "time")), 0)


def _window(node: ir.Node, index: ir.Value, position: int, facts: Facts) -> tuple[int, Array]:
    least = facts.at_least(1)
    for total in (facts.at_least(4 * least + 64), facts.at_least(9 * least + 160)):
        (found,) = facts.offline.evaluate([str(index.name)], 1, total)
        array = np.moveaxis(found, position, 0)
        first = array.reshape(len(array), -1)
        steps = np.diff(first, axis=0)
        if len(array) < 2 or steps.min() != steps.max() or steps.min() < 1 or array.min() < 0:
            facts.refuse(node, "it takes frames by computed numbers", "take equal windows, as x.unfold does")
    return int(steps.min()), array[0]


def _local(node: ir.Node, step: int, offsets: Array, out: Fact, position: int, facts: Facts) -> ir.Value:
    """The index within a call."""
    builder = facts.builder
    others = [i for i in range(offsets.ndim + 1) if i != position]
    apart = np.expand_dims(offsets, position)
    if facts.chunk is not None:
        starts = np.arange(per_call(node, out, facts)) * step
        return builder.const(np.expand_dims(starts, others) + apart, "places")
    value = cast(ir.Value, node.inputs[0])
    axis = facts.only(node).axis
    assert axis is not None
    frames = insert(node, facts, "Squeeze", insert(node, facts, "Shape", value, start=axis, end=axis + 1))
    limits = (builder.const(np.zeros((), np.int64)), frames, builder.const(np.asarray(step, np.int64)))
    starts_at = insert(node, facts, "Range", *limits)
    wide = insert(node, facts, "Unsqueeze", starts_at, builder.ints(*others))
    return insert(node, facts, "Add", wide, builder.const(apart, "offsets"))


def is_framing(node: ir.Node, facts: Facts) -> bool:
    """Whether a Gather reads a streamed value along time by an index that follows from the length."""
    fact, index = facts.of(node.inputs[0]), node.inputs[1]
    axis = node.attributes.get_int("axis", 0) % rank(node.inputs[0])
    return fact is not None and fact.axis == axis and index in facts.absorbed
