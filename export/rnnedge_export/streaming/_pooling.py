"""Pooling over all frames so far: a summary that a state keeps up to date."""

from __future__ import annotations

from typing import cast

import numpy as np
import onnx_ir as ir

from rnnedge_export.streaming._caches import aligned, become, insert, masked, per_call, until_certain
from rnnedge_export.streaming._compensated import add_to
from rnnedge_export.streaming.facts import Fact, Facts, Held, dims, rank
from rnnedge_runtime.contract import Array

POOLED = ("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum")


def pooled(node: ir.Node, fact: Fact, axes: list[int], facts: Facts) -> Fact:
    """Sum, mean, max or min over time, and over other axes before that.

    1. Sum, max and min: the result so far meets that of a call.
    2. Mean: mean + sum(x - mean) / count, however long the stream runs.
    A sum and a mean of floats come with what their roundings lost (see `compensated`).
    3. Where a call can bring frames past the end, they are replaced by what changes nothing.
    """
    value = cast(ir.Value, node.inputs[0])
    kind = node.op_type.removeprefix("Reduce")
    value, fact = until_certain(node, value, fact, facts)
    value, fact, warmup = aligned(node, value, fact, facts)
    dtype = value.dtype
    assert fact.axis is not None and dtype is not None
    others = [axis for axis in axes if axis != fact.axis]
    if others:
        small = insert(node, facts, node.op_type, value, facts.builder.ints(*others), like=value, keepdims=1)
        small.shape = ir.Shape(1 if i in others else d for i, d in enumerate(dims(value)))
        facts.names[small] = facts.name_of(value)
        value = small
    shape = [1 if i == fact.axis else d for i, d in enumerate(dims(value))]
    start = _start(kind, dtype)
    open_end = per_call(node, fact, facts) > 1
    if open_end:
        value = masked(node, value, fact, facts, start)
    place = facts.places.get(node.name or "", "") or "pool"
    along = facts.builder.ints(fact.axis)

    def state(name: str, dtype: ir.DataType, dims_of: list[int | str], initial: float | Array) -> ir.Value:
        made = ir.Value(name=facts.builder.fresh(f"{place}.{name}"), type=ir.TensorType(dtype), shape=ir.Shape(dims_of))
        facts.states.append(Held(made, made, str(made.name), tuple(dims_of), initial, warmup))
        return made

    # As an array: the largest int64 is no float.
    ones = [1 if isinstance(d, str) else d for d in shape]
    first = start if dtype.is_floating_point() else np.full(ones, start, dtype.numpy())
    so_far = state(kind.lower(), dtype, shape, first)
    kept = kind in ("Mean", "Sum") and dtype.is_floating_point()
    rest = state(f"{kind.lower()}.rest", dtype, shape, 0.0) if kept else None
    if kind == "Mean":
        count = state("count", ir.DataType.INT64, [d if isinstance(d, str) else 1 for d in shape], 0.0)
        total = insert(node, facts, "Add", count, _frames(node, value, fact, open_end, facts))
        apart = insert(node, facts, "Sub", value, so_far, like=value)
        apart.shape = value.shape
        if open_end:
            apart = masked(node, apart, fact, facts, 0.0)
        # Of none, before frame 0, it is 0 and no number over 0.
        some = insert(node, facts, "Max", total, facts.builder.scalar(1, ir.DataType.INT64)) if open_end else total
        by = insert(node, facts, "Cast", some, to=int(dtype))
        gained = insert(node, facts, "ReduceSum", apart, along, like=value, keepdims=1)
        part = insert(node, facts, "Div", gained, by, like=value)
        _written(facts, count, total)
    else:
        part = insert(node, facts, node.op_type, value, along, like=value, keepdims=1)
    if rest is not None:
        result, after, lost = add_to(node, facts, so_far, rest, part)
        _written(facts, so_far, after)
        _written(facts, rest, lost)
    else:
        result = insert(node, facts, {"Sum": "Add"}.get(kind, kind), so_far, part, like=value)
        _written(facts, so_far, result)
    out = result
    if not node.attributes.get_int("keepdims", 1):
        out = insert(node, facts, "Squeeze", result, facts.builder.ints(*axes), like=node.outputs[0])
    elif out is result:
        out = insert(node, facts, "Identity", result, like=result)
    facts.note(node, f"{kind} over time: kept up to date from call to call")
    assert rank(node.outputs[0]) == rank(out)
    return become(node, out, fact.summed(), facts)


def _start(kind: str, dtype: ir.DataType) -> float:
    """What changes no sum, maximum or minimum; frames that are -infinity, as a logarithm of silence, keep theirs."""
    if kind not in ("Max", "Min"):
        return 0.0
    if dtype.is_floating_point():
        return -np.inf if kind == "Max" else np.inf
    bounds = np.iinfo(dtype.numpy())
    return int(bounds.min if kind == "Max" else bounds.max)


def _frames(node: ir.Node, value: ir.Value, fact: Fact, open_end: bool, facts: Facts) -> ir.Value:
    """How many frames of the sequence a call brings."""
    assert fact.axis is not None
    if not open_end:
        return insert(node, facts, "Shape", value, start=fact.axis, end=fact.axis + 1)
    producer = value.producer()
    assert producer is not None and producer.op_type == "Where"
    within = insert(node, facts, "Cast", producer.inputs[0], to=int(ir.DataType.INT64))
    return insert(node, facts, "ReduceSum", within, keepdims=0)


def _written(facts: Facts, state: ir.Value, after: ir.Value) -> None:
    index = next(i for i, s in enumerate(facts.states) if isinstance(s, Held) and s.value is state)
    held = cast(Held, facts.states[index])
    facts.states[index] = Held(state, after, held.name, held.dims, held.initial, held.warmup)
