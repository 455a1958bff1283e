"""Reshape and Expand: axes merge, split and repeat, and time goes with them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.symbolic_dims import grows, product, ratio, size
from rnnedge_export.streaming._block_shapes import between
from rnnedge_export.streaming._caches import aligned, become, from_frame_0, insert, per_call
from rnnedge_export.streaming._registry import rule
from rnnedge_export.streaming.facts import Fact, Facts, dims
from rnnedge_runtime.clock import Clock
from rnnedge_runtime.contract import Dim


@rule("Reshape")
def reshape(node: ir.Node, facts: Facts) -> Fact:
    """Time is followed by what stands before it: as many elements as before means that it is still the same axis.

    1. It stays an axis of its own: other axes merge and split around it.
    2. An axis that follows merges into it, k values per frame become k frames: the rate grows (upsampling by reshape).
       Time splits into frames of k, which is the reverse: the rate falls, and frame 0 begins a group.
    3. It merges with the batch, as (batch, time, ...) -> (batch * time, ...) or (time * batch, ...), and with axes that
       follow: every frame is by itself from there on, until they are split again in the same order.
    4. Both at once: time is cut into groups, which are folded into the batch, and back (see `_block_shapes`).
    5. The lengths that the module computed are for the whole sequence; they are written again for the frames of a call.
    """
    fact = facts.only(node)
    value = node.inputs[0]
    assert value is not None
    before, after = dims(value), dims(node.outputs[0])
    if fact.axis is None:
        node.replace_input_with(1, _shape(node, value, before, after, None, facts))
        # In it 0 stands for the dim of the input.
        node.attributes.pop("allowzero", None)
        return fact
    middle = between(before, fact, after)
    for shape in (middle, after) if middle is not None else (after,):
        moved = _moved(node, value, fact, shape, facts)
        if moved is None:
            facts.refuse(
                node,
                f"time cannot be followed from {_shown(before)} to {_shown(after)}",
                "reshape features only, not batch and time (GroupNorm and InstanceNorm normalize over time; LayerNorm "
                "over features does not)",
            )
        value, fact = moved
    return become(node, value, fact, facts)


def _moved(
    node: ir.Node, value: ir.Value, fact: Fact, after: tuple[Dim, ...], facts: Facts
) -> tuple[ir.Value, Fact] | None:
    """The value in the shape `after`, and where its time is then, if it can be followed."""
    before = dims(value)
    places = [i for i, d in enumerate(after) if grows(d, "time")]
    if len(places) != 1 or fact.axis is None:
        return None
    axis = places[0]
    lead = ratio(product(before[: fact.axis]), product(after[:axis]))
    along = ratio(before[fact.axis], after[axis])
    found = None
    if lead == 1 and along is not None and (along == 1 or not fact.folded):
        value, found = _rescaled(node, value, fact, along, facts)
    elif not fact.folded and (outer := _folded(before, fact.axis, after, axis)) is not None:
        value, found = from_frame_0(node, value, fact, facts)
        found = replace(found, folded=outer)
    elif fact.folded and (outer := _folded(after, axis, before, fact.axis)) is not None:
        found = replace(fact, folded="") if ratio(outer, fact.folded) == 1 else None
    elif fact.folded and lead is not None and lead != 1 and along is not None and along * lead == 1:
        # (k * batch * time, ...) -> (k, batch * time, ...): what is folded in comes from the left, so it leaves so.
        found = replace(fact, folded=f"({fact.folded})*{along.numerator}//{along.denominator}")
    elif fact.folded and lead == 1 and along is not None and _divides(before[fact.axis], fact, along, facts):
        # (batch * time, k, ...) -> (batch * time * k, ...), and back: what follows joins, and leaves again.
        found = fact
    if found is None:
        return None
    out = insert(node, facts, "Reshape", value, _shape(node, value, before, after, axis, facts), like=node.outputs[0])
    out.shape = ir.Shape(after)
    return out, replace(found, axis=axis)


def _rescaled(node: ir.Node, value: ir.Value, fact: Fact, along: Fraction, facts: Facts) -> tuple[ir.Value, Fact]:
    """Case 2."""
    if along == 1:
        return value, fact
    value, fact = from_frame_0(node, value, fact, facts)
    clock = fact.clock
    rate = clock.rate * along
    if along.numerator == 1:
        per_call(node, replace(fact, clock=replace(clock, rate=rate)), facts)
        value, fact, _ = aligned(node, value, fact, facts)
        clock = fact.clock
        step = (1, 0, along.denominator)
    elif along.denominator == 1:
        step = (int(along), 0, 1)
    else:
        facts.refuse(node, f"it makes {along} frames of one", "merge or split time by whole numbers")
    return value, replace(fact, clock=Clock(rate, int(clock.delay * along), (*clock.length, step)))


def _folded(apart: tuple[Dim, ...], own: int, merged: tuple[Dim, ...], axis: int) -> str | None:
    """What stands before time in axis `axis` of `merged`, which axes of `apart` around its time axis `own` make up.

    After time it may be a part of the next axis: (time, 4 * batch, 4) -> (time * batch, 16).
    """
    for first in range(own + 1):
        if ratio(product(apart[:first]), product(merged[:axis])) == 1:
            until = product(apart[first : own + 1])
            inner = ratio(until, merged[axis]) if first < own else None
            if (inner is not None and inner.denominator == 1) or ratio(f"({until})*batch", merged[axis]) is not None:
                return product(apart[first:own])
    return None


def _divides(merged: Dim, fact: Fact, along: Fraction, facts: Facts) -> bool:
    """Whether an axis of frames in the batch takes that many values more of a frame, or gives that many up."""
    for total in facts.totals:
        whole, outer, frames = size(merged, 2, total), size(fact.folded, 2, total), fact.clock.valid(total)
        if whole is None or not outer or (frames and Fraction(whole, outer * frames) * along % 1):
            return False
    return True


def _shape(
    node: ir.Node, value: ir.Value, before: tuple[Dim, ...], after: tuple[Dim, ...], axis: int | None, facts: Facts
) -> ir.Value:
    """Case 5: numbers, 0 where the dim is the input's own, -1 for one that is neither."""
    numbers: list[int] = []
    for i, dim in enumerate(after):
        if isinstance(dim, int):
            numbers.append(dim)
        elif i != axis and i < len(before) and ratio(before[i], dim) == 1:
            numbers.append(0)
        else:
            numbers.append(-1)
    if numbers.count(-1) <= 1:
        return facts.builder.const(np.array(numbers, np.int64), "shape")
    parts = [
        _dim(node, dim, facts) if n == -1 and i != axis else n
        for i, (n, dim) in enumerate(zip(numbers, after, strict=True))
    ]
    values = [facts.builder.ints(part) if isinstance(part, int) else part for part in parts]
    return insert(node, facts, "Concat", *values, axis=0)


def _dim(node: ir.Node, dim: Dim, facts: Facts) -> ir.Value:
    """A dim of the batch at run time, read from the graph's input."""
    assert node.graph is not None
    for source in node.graph.inputs:
        for i, own in enumerate(source.shape or ()):
            times = ratio(str(own), dim) if grows(str(own), "batch") else None
            if times is not None and times.denominator == 1:
                batch = insert(node, facts, "Shape", source, start=i, end=i + 1)
                return batch if times == 1 else insert(node, facts, "Mul", batch, facts.builder.ints(int(times)))
    return facts.refuse(
        node, f"the length {dim} is not known at run time", "reshape by numbers, the batch and time only"
    )


@rule("Expand")
def expand(node: ir.Node, facts: Facts) -> Fact:
    """1. A streamed value is repeated along new or single axes; time is counted from the right and never repeated."""
    fact = facts.only(node)
    value = node.inputs[0]
    assert value is not None
    before, after = dims(value), dims(node.outputs[0])
    shift = len(after) - len(before)
    wanted: list[int | Dim] = []
    for i, dim in enumerate(after):
        own = before[i - shift] if i >= shift else 1
        wanted.append(1 if own == dim or ratio(own, dim) == 1 else dim)
    if any(not isinstance(d, int) and grows(d, "time") for d in wanted):
        facts.refuse(node, "it repeats a value over time", "let it broadcast instead")
    node.replace_input_with(1, shape_value(node, tuple(wanted), facts))
    return fact if fact.axis is None else fact.moved(fact.axis + shift)


def shape_value(node: ir.Node, wanted: tuple[Dim, ...], facts: Facts) -> ir.Value:
    """A shape of numbers and of dims of the batch, in front of `node`."""
    if all(isinstance(d, int) for d in wanted):
        return facts.builder.const(np.array(wanted, np.int64), "shape")
    parts = [facts.builder.ints(d) if isinstance(d, int) else _dim(node, d, facts) for d in wanted]
    return parts[0] if len(parts) == 1 else insert(node, facts, "Concat", *parts, axis=0)


def _shown(shape: tuple[Dim, ...]) -> str:
    return f"({', '.join(map(str, shape))})"
