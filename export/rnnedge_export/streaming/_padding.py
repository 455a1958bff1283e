"""Frames that a module puts in front of a sequence or after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph import padding_modes
from rnnedge_export.graph.builder import replace as replace_node
from rnnedge_export.streaming._caches import (
    aligned,
    become,
    counted,
    cut,
    from_frame_0,
    hold,
    insert,
    masked,
    until_certain,
)
from rnnedge_export.streaming._left_padding import in_front
from rnnedge_export.streaming._mirrored import mirrored_behind, reflected_in_front
from rnnedge_export.streaming._new_length import padded_length
from rnnedge_export.streaming._registry import rule
from rnnedge_export.streaming._window import is_input
from rnnedge_export.streaming.facts import Fact, Facts, axes_of, constant, dims, integers, rank
from rnnedge_export.streaming.recurrent import is_zero
from rnnedge_runtime.clock import Length

_MOST = 65536
"""Frames that are kept for the end of a sequence."""


@rule("Pad")
def pad(node: ir.Node, facts: Facts) -> Fact:
    """1. Along other axes than time it changes nothing.

    2. Frames in front are constants that no call brings: windows and delays after them start from what they come to.
       They stand in for frames before frame 0 where some come. Negative padding in front cuts, which is a delay.
    3. Frames at the end follow the last one; nothing waits for them. Negative padding there makes the sequence shorter.
       Their number may depend on the length, as -n % 4 does: only the end of the sequence knows of it.
    4. The first frame repeated in front (mode "edge"): what is held of earlier frames begins as the first one.
    5. Frames reflected at either end, and the last one repeated: see `_mirrored`. What wraps is refused.
    """
    fact = facts.only(node)
    value = node.inputs[0]
    assert value is not None
    if fact.axis is None:
        return fact
    given_axes = len(node.inputs) > 3 and node.inputs[3] is not None
    axes = axes_of(node, 3, rank(value)) if given_axes else list(range(rank(value)))
    if axes is None:
        facts.refuse(node, "its padding is computed", "give it in numbers")
    if fact.axis not in axes:
        return fact
    place, mode = axes.index(fact.axis), node.attributes.get_string("mode", "constant")
    amounts, length = _amounts(node, fact, place, len(axes), facts)
    front, behind = amounts[place], amounts[place + len(axes)]
    if not front and not behind:
        return fact
    fill = _fill(node, facts)
    if fact.folded:
        facts.refuse(node, "time that shares its axis with the batch is padded", "pad before time is folded")
    out = value
    if mode not in ("constant", "edge", "reflect"):
        facts.refuse(node, padding_modes.reason_against(mode), padding_modes.REMEDY)
    if mode != "constant":
        return _of_own_frames(node, fact, amounts, place, length, facts)
    if behind > 0:
        out, fact = until_certain(node, out, fact, facts)
        if not (fill == 0 and is_input(out) and not fact.clock.length):
            out = masked(node, out, fact, facts, fill)
    if front > 0:
        out = out if behind > 0 or fact.clock.delay <= 0 else masked(node, out, fact, facts, fill)
        fact = in_front(fact, front)
        facts.note(node, f"{counted(front)} in front")
    elif front < 0:
        clock = replace(fact.clock, delay=fact.clock.delay - front, length=(*fact.clock.length, (1, front, 1)))
        fact = replace(fact, clock=clock)
    if behind:
        length = length or (*fact.clock.length, (1, behind, 1))
        fact = replace(fact, clock=replace(fact.clock, length=length))
    out = _other_axes(node, out, amounts, place, axes, facts)
    if out is value:
        out = insert(node, facts, "Identity", value, like=value)
    return become(node, out, fact, facts)


def _of_own_frames(node: ir.Node, fact: Fact, amounts: list[int], place: int, length: Length, facts: Facts) -> Fact:
    """Cases 4 and 5: frames that are not constants. The other axes are padded first."""
    axes, mode = len(amounts) // 2, node.attributes.get_string("mode", "constant")
    value = cast(ir.Value, node.inputs[0])
    given = axes_of(node, 3, rank(value)) if len(node.inputs) > 3 and node.inputs[3] is not None else None
    front, behind = amounts[place], amounts[place + axes]
    if behind > _MOST:
        facts.refuse(node, f"it reflects {counted(behind)} and more after the last one", "pad a fixed number of frames")
    if front < 0 or behind < 0:
        facts.refuse(node, "it pads one end and cuts the other", "cut the sequence first: x[:, k:]")
    out = _other_axes(node, value, amounts, place, given or list(range(axes)), facts)
    if behind:
        out, fact = until_certain(node, out, fact, facts)
        out = mirrored_behind(node, out, fact, behind, mode, facts)
    ahead = None
    if front and mode == "edge":
        out, fact = _repeated(node, out, fact, front, facts)
        facts.note(node, f"{counted(front)} in front")
    elif front:
        out, fact, ahead = reflected_in_front(node, out, fact, front, facts)
    if behind:
        fact = replace(fact, clock=replace(fact.clock, length=length or (*fact.clock.length, (1, behind, 1))))
    if out is value:
        out = insert(node, facts, "Identity", value, like=value)
    found = become(node, out, fact, facts)
    if ahead is not None:
        facts.fronts[out] = ahead
    return found


def _other_axes(
    node: ir.Node, value: ir.Value, amounts: list[int], place: int, axes: list[int], facts: Facts
) -> ir.Value:
    """The value padded along all axes but time."""
    rest = list(amounts)
    rest[place] = rest[place + len(axes)] = 0
    if not any(rest):
        return value
    mode, fill = node.attributes.get_string("mode", "constant"), node.inputs[2] if len(node.inputs) > 2 else None
    padding = (facts.builder.ints(*rest), fill, facts.builder.ints(*axes))
    out = insert(node, facts, "Pad", value, *padding, like=value, mode=mode)
    whole = dims(node.outputs[0])
    out.shape = ir.Shape([d if i == axes[place] else whole[i] for i, d in enumerate(dims(value))])
    return out


def _amounts(node: ir.Node, fact: Fact, place: int, axes: int, facts: Facts) -> tuple[list[int], Length]:
    """The amounts, and what the length becomes where those along time are computed: some then stand at the end."""
    amounts = integers(node, 1)
    return (amounts, ()) if amounts is not None else padded_length(node, fact, place + axes, facts)


def _fill(node: ir.Node, facts: Facts) -> float:
    given = constant(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] is not None else np.zeros(())
    if given is None:
        facts.refuse(node, "what it pads with is computed", "give it as a number")
    return float(given.reshape(-1)[0]) if given.size else 0.0


def _repeated(node: ir.Node, value: ir.Value, fact: Fact, frames: int, facts: Facts) -> tuple[ir.Value, Fact]:
    """Case 4."""
    if fact.clock.delay <= 0:
        value, fact = from_frame_0(node, value, fact, facts)
        return value, replace(in_front(fact, frames), repeated=True)
    value, fact, warmup = aligned(node, value, fact, facts)
    assert fact.axis is not None
    buffer = hold(node, value, replace(fact, repeated=True), frames, facts, kind="padding", warmup=warmup)
    return _before(node, buffer, fact, frames, facts)


def _before(node: ir.Node, buffer: ir.Value, fact: Fact, frames: int, facts: Facts) -> tuple[ir.Value, Fact]:
    """All but the last frames of a buffer: what is in front comes first."""
    assert fact.axis is not None
    length = (*fact.clock.length, (1, frames, 1))
    return cut(node, facts, buffer, fact.axis, 0, -frames), replace(fact, clock=replace(fact.clock, length=length))


def constant_ends(node: ir.Node, facts: Facts, index: int) -> Fact:
    """Concat along time of a streamed value and constants: any in front, zeros at the end."""
    value = cast(ir.Value, node.inputs[index])
    fact = facts.known[value]
    assert fact.axis is not None
    front, behind = (_length(node, side, fact, facts) for side in (node.inputs[:index], node.inputs[index + 1 :]))
    if not all(is_zero(other) for other in node.inputs[index + 1 :]):
        facts.refuse(node, "it puts frames that are no zeros after the last one", "pad with F.pad, or leave them out")
    if all(is_zero(other) for other in node.inputs[:index]):
        padding = (facts.builder.ints(front, behind), None, facts.builder.ints(fact.axis))
        padded = insert(node, facts, "Pad", value, *padding, like=value)
        padded.shape = node.outputs[0].shape
        producer = padded.producer()
        assert producer is not None
        facts.names[padded] = facts.name_of(node.outputs[0])
        replace_node(node, facts.builder, [padded])
        return cast(Fact, pad(producer, facts))
    if behind or fact.folded:
        facts.refuse(
            node, "a learned start meets padding at the end, or time folded into the batch", "join it by itself"
        )
    facts.note(node, f"{counted(front)} in front")
    if fact.clock.delay > 0:
        value, fact, warmup = aligned(node, value, fact, facts)
        names = [facts.name_of(other) for other in node.inputs[:index] if other is not None]
        start = np.concatenate(facts.offline.evaluate(names, 1, facts.at_least(1)), cast(int, fact.axis))
        buffer = hold(node, value, fact, front, facts, kind="padding", initial=start, warmup=warmup)
        return become(node, *_before(node, buffer, fact, front, facts), facts)
    same = insert(node, facts, "Identity", value, like=value)
    return become(node, same, in_front(fact, front), facts)


def _length(node: ir.Node, values: Sequence[ir.Value | None], fact: Fact, facts: Facts) -> int:
    total = 0
    for other in values:
        count = dims(other)[fact.axis or 0]
        if other in facts.as_long:
            facts.refuse(node, "it joins as many constants as the sequence is long", "pad with F.pad at the end")
        if facts.of(other) is not None or not isinstance(count, int):
            facts.refuse(node, "it joins two values along time", "join features, or give several outputs")
        total += count
    return total
