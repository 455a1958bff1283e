"""Cutting along time, and operators that cut or join other axes."""

from __future__ import annotations

from dataclasses import replace

import onnx_ir as ir

from rnnedge_export.streaming._caches import become, cursor, cut, hold, insert, joined, per_call, until_certain
from rnnedge_export.streaming._new_length import cut_length
from rnnedge_export.streaming._padding import constant_ends
from rnnedge_export.streaming._registry import rule
from rnnedge_export.streaming._window import Window
from rnnedge_export.streaming.facts import Fact, Facts, axes_of, dims, integers, rank

_ENDLESS = 1 << 31
_END = (1 << 63) - 1


def _last_frame(node: ir.Node, fact: Fact, value: ir.Value, facts: Facts) -> Fact:
    """x[-1:], a summary with the axis of time, of size 1."""
    late, fact = until_certain(node, value, fact, facts)
    axis, index = fact.axis or 0, facts.builder.ints(-1)
    if per_call(node, fact, facts) > 1:
        index = insert(node, facts, "Unsqueeze", cursor("last", fact.clock, facts), facts.builder.ints(0))
        index.type, index.shape = ir.TensorType(ir.DataType.INT64), ir.Shape([1])
    return become(node, insert(node, facts, "Gather", late, index, like=value, axis=axis), fact.summed(), facts)


def _without_front(node: ir.Node, fact: Fact, value: ir.Value, front: int, facts: Facts) -> tuple[Fact, ir.Value]:
    """x[front:], a delay."""
    found = Window(1, 1, -front, 0)
    clock = found.clock(fact.clock)
    later = replace(fact, clock=clock, repeated=fact.repeated and clock.delay < 0)
    per_call(node, later, facts)
    frames = found.cache(fact.clock, clock)
    return later, hold(node, value, fact, frames, facts, kind="cache") if frames else value


@rule("Slice")
def slice_(node: ir.Node, facts: Facts) -> Fact:
    """1. Along other axes than time it changes nothing.

    2. x[a:] along time: the first a frames are left out, which is a delay and costs nothing.
    3. x[:-b]: the sequence is shorter; where it matters, a frame waits until it is certain that it stays.
    4. x[::s]: every s-th frame, a lower rate.
    5. x[: n // 4 * 4]: the sequence is shorter by a number of frames that depends on its length. Case 3.
    6. x[-1:]: the last frame, a summary. More of them (x[-k:]), or a fixed number (x[:k]), are refused.
    """
    fact = facts.only(node)
    value = node.inputs[0]
    assert value is not None
    axes = (
        axes_of(node, 3, rank(value))
        if len(node.inputs) > 3 and node.inputs[3] is not None
        else list(range(rank(value)))
    )
    if fact.axis is None:
        return fact
    if axes is None:
        facts.refuse(node, "its axes are computed", "write them as numbers")
    if fact.axis not in axes:
        return fact
    place = axes.index(fact.axis)
    steps = integers(node, 4) if len(node.inputs) > 4 and node.inputs[4] is not None else [1] * len(axes)
    if len(axes) == 1 and steps == [1] and not fact.folded and (computed := cut_length(node, fact, facts)) is not None:
        front, length = computed
        later, kept = _without_front(node, fact, value, front, facts) if front else (fact, value)
        shorter = replace(later, clock=replace(later.clock, length=length))
        return become(node, insert(node, facts, "Identity", kept, like=value), shorter, facts)
    starts, ends = integers(node, 1), integers(node, 2)
    if starts is None or ends is None or steps is None or fact.folded:
        facts.refuse(node, "it cuts time at a computed place", "cut by numbers: x[:, 3:], x[:, :-1]")
    start, end, step = starts[place], ends[place], steps[place]
    if step < 0:
        facts.refuse(node, "it turns the sequence round", "read it forwards; a few frames ahead cost a lookahead only")
    if (start, step, len(axes)) == (-1, 1, 1) and end >= _ENDLESS:
        return _last_frame(node, fact, value, facts)
    if start < 0 or step < 1 or 0 <= end < _ENDLESS:
        shown = f"[{start}:{'' if end >= _ENDLESS else end}:{step}]"
        facts.refuse(
            node,
            f"it slices along time by a fixed number of frames {shown}",
            "take the last frame as y[:, -1], slice outside the network, or return the result only, without a cache",
        )
    out = value
    if start or step > 1:
        found = Window(1, step, -start, 0, skips=True)
        clock = found.clock(fact.clock)
        later = replace(fact, clock=clock, repeated=fact.repeated and clock.delay < 0)
        per_call(node, later, facts)
        frames = found.cache(fact.clock, clock)
        if frames > 0:
            out = hold(node, out, fact, frames, facts, kind="cache")
        if step > 1:
            out = cut(node, facts, out, fact.axis, max(0, -frames), -frames if frames > 0 else _END, step)
        fact = later
    if end < 0:
        fact = replace(fact, clock=replace(fact.clock, length=(*fact.clock.length, (1, end, 1))))
    others = [i for i in range(len(axes)) if i != place]
    if others:
        pick = [facts.builder.ints(*(source[i] for i in others)) for source in (starts, ends, axes, steps)]
        out = insert(node, facts, "Slice", out, *pick, like=value)
    if out is value:
        out = insert(node, facts, "Identity", value, like=value)
    return become(node, out, fact, facts)


@rule("Concat")
def concat(node: ir.Node, facts: Facts) -> Fact:
    """1. Off time, streamed operands are brought together as by an addition; a constant is repeated for every frame.

    2. Along time, a constant in front is padding, and so are zeros at the end: x = cat([start, x[:, :-1]], 1).
    3. Two streamed operands along time are refused. 4. Summaries join summaries and constants.
    """
    streamed = facts.streamed(node)
    first = streamed[0][1]
    if any(fact.summary for _, fact in streamed):
        clocks = {fact.clock for _, fact in streamed}
        if not all(fact.summary for _, fact in streamed) or len(clocks) > 1:
            facts.refuse(
                node, "it joins values that are complete at different times", "give them as outputs of their own"
            )
        return first
    axis = node.attributes.get_int("axis", 0) % rank(node.outputs[0])
    if len({(fact.axis, fact.folded) for _, fact in streamed}) > 1:
        facts.refuse(node, "its operands have time on different axes", "bring it to one axis")
    if axis != first.axis:
        clock = joined(node, facts, [i for i, _ in streamed])
        _repeat(node, facts, [i for i, _ in streamed])
        return replace(first, clock=clock)
    if len(streamed) > 1:
        facts.refuse(node, "it joins two values along time", "join features, or give several outputs")
    return constant_ends(node, facts, streamed[0][0])


def _repeat(node: ir.Node, facts: Facts, indices: list[int]) -> None:
    """Give constants that are joined with streamed values as many frames as those have."""
    source = node.inputs[indices[0]]
    axis = facts.known[source].axis if source is not None else None
    assert axis is not None and source is not None
    for i, value in enumerate(node.inputs):
        if i in indices or value is None:
            continue
        if dims(value)[axis] != 1:
            facts.refuse(node, "it joins a value that changes along time by itself", "compute it from the input")
        ones = [facts.builder.ints(1)] * rank(value)
        ones[axis] = insert(node, facts, "Shape", source, start=axis, end=axis + 1)
        batch = next((k for k, d in enumerate(dims(source)) if "batch" in str(d)), None)
        if batch is not None and dims(value)[batch] == 1:
            ones[batch] = insert(node, facts, "Shape", source, start=batch, end=batch + 1)
        shape = insert(node, facts, "Concat", *ones, axis=0)
        node.replace_input_with(i, insert(node, facts, "Expand", value, shape, like=value))


@rule("Split")
def split(node: ir.Node, facts: Facts) -> Fact:
    """1. Cuts along another axis than time."""
    fact = facts.only(node)
    if fact.axis == node.attributes.get_int("axis", 0) % rank(node.inputs[0]):
        facts.refuse(node, "it cuts along time", "cut features, or slice outside the network")
    return fact
