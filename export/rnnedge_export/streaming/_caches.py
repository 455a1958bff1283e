"""States that hold frames back: caches of windows, delays that bring branches together, and what stands at the ends.

A call brings `hop` input frames, or a multiple; of a value with rate r it brings r times as many, from the first call
on. The first `delay` of them stand before frame 0: they are computed from what the states are filled with, and they
never reach an output, nor a state that counts, because the runtime holds every state at its initial value until its
first frame has come (`warmup`), and leaves them out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import replace as replace_node
from rnnedge_export.graph.symbolic_dims import grows
from rnnedge_export.streaming._left_padding import frames_in_front
from rnnedge_export.streaming.facts import Fact, Facts, Front, Held, NeedsHop, dims
from rnnedge_runtime.clock import Clock
from rnnedge_runtime.contract import Cursor

_END = (1 << 63) - 1


def per_call(node: ir.Node, fact: Fact, facts: Facts) -> int:
    """Frames of a value that the least call brings; raises `NeedsHop` where that is no whole number."""
    frames = fact.clock.rate * facts.hop
    if frames.denominator != 1:
        raise NeedsHop(facts.hop * frames.denominator)
    return int(frames)


def hold(
    node: ir.Node, value: ir.Value, fact: Fact, frames: int, facts: Facts, *, kind: str, **options: Any
) -> ir.Value:
    """Concat(state, value) in front of `node`: the last `frames` frames of earlier calls, and those of this one.

    `options`: `initial`, what stands before frame 0 (zeros), `warmup`, for how many calls the state is held as it
    begins (0), and `front`, the frames reflected in front of frame 0.
    """
    assert fact.axis is not None
    place = facts.places.get(node.name or "", "") or node.op_type.lower()
    state = ir.Value(name=facts.builder.fresh(f"{place}.{kind}"), type=value.type)
    shape = list(dims(value))
    shape[fact.axis] = frames
    apart = any(grows(d, "batch") for d in shape)
    state.shape = ir.Shape(shape if apart else ["batch", *shape])
    warmup = int(options.get("warmup", 0))
    held = state if apart else _first_of_batch(node, state, value, facts)
    kept = held
    if fact.repeated:
        first = cut(node, facts, value, fact.axis, 0, 1)
        kept = _or_first(node, held, first, value, warmup, facts)
    elif front := options.get("front"):
        kept = _with_front(node, held, front, value, frames, fact.axis, facts)
    buffer = insert(node, facts, "Concat", kept, value, axis=fact.axis, like=value)
    after = cut(node, facts, buffer, fact.axis, -frames, _END)
    initial = frames_in_front(node, value, fact, frames, options.get("initial", 0.0), facts)
    if not apart:
        after = _for_every_sequence(node, after, state, facts)
        initial = initial if isinstance(initial, float) else initial[None]
    facts.states.append(Held(state, after, str(state.name), dims(state), initial, warmup))
    return buffer


def _first_of_batch(node: ir.Node, state: ir.Value, like: ir.Value, facts: Facts) -> ir.Value:
    """What is the same for every sequence, such as the number of a frame, is kept by each and read from the first."""
    first = insert(node, facts, "Gather", state, facts.builder.const(np.zeros((), np.int64)), axis=0)
    first.type = like.type
    return first


def _for_every_sequence(node: ir.Node, value: ir.Value, state: ir.Value, facts: Facts) -> ir.Value:
    wide = insert(node, facts, "Unsqueeze", value, facts.builder.ints(0))
    return insert(node, facts, "Expand", wide, insert(node, facts, "Shape", state))


def _or_first(node: ir.Node, state: ir.Value, first: ir.Value, value: ir.Value, warmup: int, facts: Facts) -> ir.Value:
    """The frames of `value` held, or before any came, `first` in their place."""
    shape = [d if grows(d, "batch") else 1 for d in dims(value)]
    builder, dtype = facts.builder, ir.DataType.FLOAT
    place = facts.places.get(node.name or "", "") or node.op_type.lower()
    begun = ir.Value(name=builder.fresh(f"{place}.begun"), type=ir.TensorType(dtype), shape=ir.Shape(shape))
    after = insert(node, facts, "Max", begun, builder.scalar(1.0, dtype))
    facts.states.append(Held(begun, after, str(begun.name), tuple(shape), 0.0, warmup))
    has_begun = insert(node, facts, "Greater", begun, builder.scalar(0.5, dtype))
    return insert(node, facts, "Where", has_begun, state, first, like=value)


def _with_front(
    node: ir.Node, state: ir.Value, front: Front, value: ir.Value, frames: int, axis: int, facts: Facts
) -> ir.Value:
    """The `frames` frames of `value` held, once with those reflected in front of frame 0 among them."""
    if front.count == 0:
        return state
    end = frames - front.since
    start = end - front.count
    old = cut(node, facts, state, axis, 0, start) if start else None
    new = cut(node, facts, state, axis, end, _END) if front.since else None
    seen = insert(node, facts, "Concat", new, value, axis=axis, like=value) if new is not None else value
    flipped = insert(node, facts, "Gather", seen, facts.builder.ints(*range(front.count, 0, -1)), like=value, axis=axis)
    held = state if old is None and new is None else cut(node, facts, state, axis, start, end)
    parts = [
        part for part in (old, _or_first(node, held, flipped, value, front.warmup, facts), new) if part is not None
    ]
    return parts[0] if len(parts) == 1 else insert(node, facts, "Concat", *parts, axis=axis, like=value)


def delayed(node: ir.Node, value: ir.Value, fact: Fact, frames: int, facts: Facts, why: str) -> tuple[ir.Value, Fact]:
    """The value `frames` frames later."""
    if frames == 0:
        return value, fact
    if fact.folded:
        facts.refuse(
            node, "a branch has to wait while time shares its axis with the batch", "unfold time before the join"
        )
    buffer = hold(node, value, fact, frames, facts, kind="delay" if fact.clock.delay >= 0 else "padding")
    assert fact.axis is not None
    out = cut(node, facts, buffer, fact.axis, 0, -frames)
    out.shape = value.shape
    delay = fact.clock.delay + frames
    later = replace(fact, clock=replace(fact.clock, delay=delay), repeated=fact.repeated and delay < 0)
    facts.known[out], facts.names[out] = later, facts.name_of(value)
    facts.note(node, f"delay of {counted(frames)}: {why}")
    return out, later


def aligned(node: ir.Node, value: ir.Value, fact: Fact, facts: Facts) -> tuple[ir.Value, Fact, int]:
    """The value with frame 0 first in a call, and the number of calls before that one."""
    count = per_call(node, fact, facts)
    value, fact = from_frame_0(node, value, fact, facts)
    value, fact = delayed(node, value, fact, -fact.clock.delay % count, facts, "frame 0 comes first in a call")
    return value, fact, fact.clock.delay // count


def from_frame_0(node: ir.Node, value: ir.Value, fact: Fact, facts: Facts) -> tuple[ir.Value, Fact]:
    """The value with every frame in a call, those too that nothing of the input is in."""
    return delayed(node, value, fact, max(0, -fact.clock.delay), facts, "padding comes first")


def until_certain(node: ir.Node, value: ir.Value, fact: Fact, facts: Facts) -> tuple[ir.Value, Fact]:
    """The value delayed until a frame that has come is one that the whole sequence has, wherever it ends."""
    clock = fact.clock
    per_call(node, fact, facts)
    calls = [facts.hop * k for k in range(1, 65)]
    late = max(0, *(clock.frames(n) - clock.delay - clock.valid(n) for n in calls))
    return delayed(node, value, fact, late, facts, "the end of the sequence is cut off")


def joined(node: ir.Node, facts: Facts, indices: list[int]) -> Clock:
    """Delay the faster of several inputs, in place, and return the clock that all of them have then."""
    streamed = [(i, facts.known[cast(ir.Value, node.inputs[i])]) for i in indices]
    if len({fact.clock.rate for _, fact in streamed}) > 1:
        rates = ", ".join(sorted(str(fact.clock.rate) for _, fact in streamed))
        facts.refuse(node, f"its operands run at different rates ({rates})", "bring them to one rate first")
    lengths = {tuple(fact.clock.valid(total) for total in facts.totals) for _, fact in streamed}
    if len(lengths) > 1:
        facts.refuse(node, "its operands have different lengths", "pad or cut them to one length")
    slowest = max(fact.clock.delay for _, fact in streamed)
    if len({fact.repeated for _, fact in streamed}) > 1:
        slowest = max(0, slowest)
    for index, fact in streamed:
        value = node.inputs[index]
        assert value is not None
        late, _ = delayed(node, value, fact, slowest - fact.clock.delay, facts, "the other branch comes later")
        if late is not value:
            node.replace_input_with(index, late)
    return replace(streamed[0][1].clock, delay=slowest)


def masked(node: ir.Node, value: ir.Value, fact: Fact, facts: Facts, fill: float) -> ir.Value:
    """The value with `fill` before frame 0 and after the last frame of the sequence; it is certain where that is."""
    assert fact.axis is not None
    mask = cursor("mask", fact.clock, facts)
    shape = [1] * len(dims(value))
    shape[fact.axis] = -1
    wide = mask if fact.axis == len(shape) - 1 else insert(node, facts, "Reshape", mask, facts.builder.ints(*shape))
    assert value.dtype is not None
    out = insert(node, facts, "Where", wide, value, facts.builder.scalar(fill, value.dtype), like=value)
    out.shape = value.shape
    facts.names[out] = facts.name_of(value)
    return out


def cursor(kind: str, clock: Clock, facts: Facts) -> ir.Value:
    """The graph input that says where the sequence ends, for values of one clock."""
    for known, value in facts.cursors.items():
        if (known.kind, known.clock) == (kind, clock):
            return value
    name = facts.builder.fresh("last_frame" if kind == "last" else "within")
    dtype, shape = (ir.DataType.INT64, []) if kind == "last" else (ir.DataType.BOOL, [dim_of(clock)])
    value = ir.Value(name=name, type=ir.TensorType(dtype), shape=ir.Shape(shape))
    facts.cursors[Cursor(name, kind, clock)] = value
    return value


def counted(frames: int) -> str:
    """A number of frames in words."""
    return f"{frames} frame" + ("" if frames == 1 else "s")


def dim_of(clock: Clock) -> str:
    """How many frames of a value a call brings, in the words of a graph: "time", "4*time", "time/2"."""
    over, under = clock.rate.numerator, clock.rate.denominator
    return (f"{over}*" if over > 1 else "") + "time" + (f"/{under}" if under > 1 else "")


def cut(node: ir.Node, facts: Facts, value: ir.Value, axis: int, start: int, end: int, step: int = 1) -> ir.Value:
    """value[start:end:step] along `axis`, in front of `node`."""
    ints = facts.builder.ints
    steps = (ints(step),) if step != 1 else ()
    return insert(node, facts, "Slice", value, ints(start), ints(end), ints(axis), *steps, like=value)


def insert(
    node: ir.Node,
    facts: Facts,
    op_type: str,
    *inputs: ir.Value | None,
    like: ir.Value | None = None,
    **attributes: Any,
) -> ir.Value:
    """One new node in front of `node`; its output has the type of `like`."""
    facts.builder.place = node.name or node.op_type
    out = facts.builder.op(op_type, *inputs, **attributes)
    if like is not None:
        out.type = like.type
        out.shape = ir.Shape([None] * len(dims(like)))
    assert node.graph is not None
    node.graph.insert_before(node, facts.builder.take())
    return out


def become(node: ir.Node, out: ir.Value, fact: Fact, facts: Facts) -> Fact:
    """Let `out`, computed in front of `node`, stand for its first output; the node goes."""
    raw = node.outputs[0]
    facts.known[out], facts.names[out] = fact, facts.name_of(raw)
    out.type, out.shape = out.type or raw.type, raw.shape
    for value in node.outputs[1:]:
        assert not value.uses(), node
    replace_node(node, facts.builder, [out, *[None] * (len(node.outputs) - 1)])
    return fact
