"""Running totals, and the number of the frame."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.symbolic_dims import grows, length_of
from rnnedge_export.streaming._caches import aligned, become, cut, insert, per_call
from rnnedge_export.streaming._compensated import add_to, sums_within
from rnnedge_export.streaming._registry import rule
from rnnedge_export.streaming.facts import Fact, Facts, Held, constant, dims, integers, rank
from rnnedge_runtime.contract import Dim


@rule("CumSum")
def cumulative_sum(node: ir.Node, facts: Facts) -> Fact:
    """1. Along another axis than time it changes nothing.

    2. Along time the total so far is a state, added to the totals of a call; of floats with what its roundings lost.
    3. Reversed it is refused.
    """
    fact = facts.only(node)
    axes = integers(node, 1)
    value = node.inputs[0]
    assert value is not None
    if fact.axis is None or (axes is not None and axes[0] % rank(value) != fact.axis):
        return fact
    options = [node.attributes.get_int(name, 0) for name in ("reverse", "exclusive")]
    if axes is None or any(options) or fact.folded:
        facts.refuse(node, "it sums from the end, or without the frame itself", "use torch.cumsum along time")
    value, fact, warmup = aligned(node, value, fact, facts)
    assert fact.axis is not None
    shape = list(dims(value))
    shape[fact.axis] = 1
    place = facts.places.get(node.name or "", "") or "cumsum"
    axis = fact.axis

    def state(name: str) -> ir.Value:
        return ir.Value(name=facts.builder.fresh(f"{place}.{name}"), type=value.type, shape=ir.Shape(shape))

    def held(value: ir.Value, after: ir.Value) -> None:
        facts.states.append(Held(value, after, str(value.name), tuple(shape), 0.0, warmup))

    alone = facts.chunk is not None and per_call(node, fact, facts) == 1

    def last(value: ir.Value) -> ir.Value:
        return value if alone else cut(node, facts, value, axis, -1, (1 << 63) - 1)

    total = state("total")
    part, low, along = value, None, node.inputs[1]
    assert along is not None
    if not alone and value.dtype is ir.DataType.FLOAT:
        part, low = sums_within(node, facts, value, along)
    elif not alone:
        part = insert(node, facts, "CumSum", value, along, like=value)
    if value.dtype is not None and value.dtype.is_floating_point():
        rest = state("total.rest")
        out, after, lost = add_to(node, facts, total, rest, part, last, low)
        held(total, after)
        held(rest, lost)
    else:
        out = insert(node, facts, "Add", part, total, like=value)
        held(total, last(out))
    facts.note(node, "CumSum: the total so far is carried")
    return become(node, out, fact, facts)


def count_frames(node: ir.Node, facts: Facts) -> Fact | None:
    """Range(a, a + length, d), as torch.arange(x.shape[1]) gives: the number of the frame, which a state continues.

    It counts the frames of a value of that length. Returns None where the range is another one.
    """
    start, step = constant(node.inputs[0]), constant(node.inputs[2])
    counted_by = of_length(dims(node.outputs[0])[0], facts)
    if counted_by is None or start is None or step is None:
        return None
    source, fact, warmup = aligned(node, counted_by, facts.known[counted_by], facts)
    assert fact.axis is not None
    frames_per_call = per_call(node, fact, facts)
    dtype = node.outputs[0].dtype or ir.DataType.INT64
    builder = facts.builder
    state = ir.Value(
        name=builder.fresh("frame_number"), type=ir.TensorType(ir.DataType.INT64), shape=ir.Shape(["batch"])
    )
    if facts.chunk is not None:
        index: ir.Value = builder.const(np.arange(frames_per_call), "index")
        frames: ir.Value = builder.ints(frames_per_call)
    else:
        frames = insert(node, facts, "Shape", source, start=fact.axis, end=fact.axis + 1)
        zero, one = builder.const(np.zeros((), np.int64)), builder.const(np.ones((), np.int64))
        index = insert(node, facts, "Range", zero, insert(node, facts, "Squeeze", frames), one)
    first = insert(node, facts, "Slice", state, builder.ints(0), builder.ints(1), builder.ints(0))
    number = insert(node, facts, "Add", index, first)
    # Whole numbers stay whole until the end: a float stands still at 2^24.
    whole = all(float(np.asarray(given).item()).is_integer() for given in (start, step))
    if not whole:
        number = insert(node, facts, "Cast", number, to=int(dtype))
    kind = np.dtype(np.int64) if whole else dtype.numpy()
    for operator, given, nothing in (("Mul", step, 1), ("Add", start, 0)):
        if np.asarray(given).item() != nothing:
            number = insert(node, facts, operator, number, builder.const(np.asarray(given, kind).reshape(1)))
    if whole and dtype != ir.DataType.INT64:
        number = insert(node, facts, "Cast", number, to=int(dtype))
    after = insert(node, facts, "Add", state, frames)
    facts.states.append(Held(state, after, str(state.name), ("batch",), 0.0, warmup))
    return become(node, number, Fact(0, fact.clock, position=True), facts)


def of_length(length: Dim, facts: Facts) -> ir.Value | None:
    """A value that has that many frames, of those the one that comes first."""
    wanted = [length_of(length, total) for total in facts.totals]
    found = [
        (fact.clock.delay, i, value)
        for i, (value, fact) in enumerate(facts.known.items())
        if fact.axis is not None
        and not (fact.folded or fact.pairs or fact.position)
        and [fact.clock.valid(total) for total in facts.totals] == wanted
        and any(grows(d, "batch") for d in dims(value))
    ]
    return min(found)[2] if found else None
