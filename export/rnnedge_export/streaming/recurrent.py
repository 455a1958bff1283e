"""Recurrences: their state is what a stream carries from call to call."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import onnx_ir as ir

from rnnedge_export.streaming._caches import aligned, cursor, joined, per_call, until_certain
from rnnedge_export.streaming._registry import rule
from rnnedge_export.streaming.facts import Carried, Fact, Facts, constant, dims

_STATES = {"RNN": ((5, 1, "h"),), "GRU": ((5, 1, "h"),), "LSTM": ((5, 1, "h"), (6, 2, "c"))}

# A note on a Scan that was a native recurrence: what its states are called, with spaces between.
STATE_NAMES = "rnnedge.states"


@rule("RNN", "GRU", "LSTM")
def recurrent(node: ir.Node, facts: Facts) -> tuple[Fact, ...]:
    """Native recurrences (ONNX operator specification, opset 14 and 22).

    1. X has time on the axis that the recurrence runs over; Y keeps it there, Y_h and Y_c are summaries.
    2. initial_h and initial_c become carried states.
    3. Time on the batch axis of X: every frame is a sequence of its own, in any direction; nothing is carried. A zero
       initial state, which has the length of the batch, is left out; one for every frame is read with it. If it runs
       over the batch then, axes are swapped, as with batch_first=False, and it is refused.
    4. A reverse or bidirectional recurrence over time, per-sequence lengths and streamed weights are refused.
    5. What reads summaries only, as a decoder that starts from the last state does, gives summaries.
    """
    if any(facts.of(v) is not None for v in node.inputs[1:4]):
        facts.refuse(node, "its weights change with time", "make them constants of the network")
    if len(node.inputs) > 4 and node.inputs[4] is not None:
        facts.refuse(node, "it reads sequence lengths", "leave padding and masks to the training loop")
    if (summary := _of_summaries([node.inputs[0], *node.inputs[5:7]], facts)) is not None:
        return (summary,) * len(node.outputs)
    fact = facts.of(node.inputs[0])
    batch_first = node.attributes.get_int("layout", 0)
    if fact is not None and fact.axis == (0 if batch_first else 1):
        return _frame_by_frame(node, fact, bool(batch_first), facts)
    _check_initial(node, node.inputs[5:7], facts)
    direction = node.attributes.get_string("direction", "forward")
    if direction != "forward":
        facts.refuse(
            node,
            f"a {direction} recurrence reads the sequence from its end",
            "use a forward one (bidirectional=False), or a convolution that looks a few frames ahead",
        )
    if fact is None or fact.axis is None or fact.folded:
        facts.refuse(
            node, "it does not run along the stream's time axis", "check batch_first and the export's time_axis"
        )
    value = cast(ir.Value, node.inputs[0])
    if _used(node.outputs[1:]):
        value, fact = until_certain(node, value, fact, facts)
    value, fact, warmup = aligned(node, value, fact, facts)
    node.replace_input_with(0, value)
    name = layer_name(node, facts.places)
    for read, written, letter in _STATES[node.op_type]:
        facts.states.append(Carried(node, read, written, f"{name}.{letter}", warmup))
    facts.note(node, f"{node.op_type}: state carried from call to call")
    _last_state(node, fact, facts)
    # Y is (time, directions, batch, hidden), or (batch, time, directions, hidden) in the batch-first layout.
    return (fact, *([fact.summed()] * (len(node.outputs) - 1)))


def _of_summaries(values: Sequence[ir.Value | None], facts: Facts) -> Fact | None:
    """Case 5: their fact, if one of the values depends on the input, and all that do are summaries."""
    found = [fact for value in values if (fact := facts.of(value)) is not None]
    return found[0] if found and all(fact.summary for fact in found) else None


def _check_initial(node: ir.Node, values: Sequence[ir.Value | None], facts: Facts) -> None:
    found = [fact for value in values if (fact := facts.of(value)) is not None]
    if any(fact.summary for fact in found):
        facts.refuse(
            node,
            "its initial state is known at the end of the sequence only, such as the last state of another layer",
            "start from zeros or a learned constant, and give it the frames of that layer",
        )
    if found:
        facts.refuse(node, "its initial state is computed from the input", "start from zeros or a learned constant")


def _last_state(node: ir.Node, fact: Fact, facts: Facts) -> None:
    """Where a call brings several frames, the state after the last one of the sequence is asked for by its index."""
    used = _used(node.outputs[1:])
    if not used or per_call(node, fact, facts) == 1:
        return
    if facts.chunk is None:
        h = node.outputs[1] if len(node.outputs) > 1 else None
        batch_first = node.attributes.get_int("layout", 0)
        if used != [h] or batch_first:
            facts.refuse(
                node, "its last cell state is an output, and a call brings several frames", "use form unrolled"
            )
        last = _read_at(node, facts, cursor("last", fact.clock, facts), cast(ir.Value, h))
        facts.known[last] = fact.summed()
        return
    facts.finals[node] = cursor("last", fact.clock, facts)


def _used(values: Sequence[ir.Value]) -> list[ir.Value]:
    return [value for value in values if value.uses() or value.is_graph_output()]


def _read_at(node: ir.Node, facts: Facts, index: ir.Value, h: ir.Value) -> ir.Value:
    """Y at the index of the last frame, for everybody who reads Y_h."""
    every = node.outputs[0]
    if not every.name:
        # Nobody read it before.
        assert h.shape is not None and node.inputs[0] is not None and node.inputs[0].shape is not None
        every.name, every.type = facts.builder.fresh(f"{h.name}_all"), h.type
        every.shape = ir.Shape([node.inputs[0].shape[0], *h.shape])
    last = ir.Node("", "Gather", [every, index], [ir.AttrInt64("axis", 0)], name=facts.builder.fresh("last_state"))
    out = last.outputs[0]
    out.name, out.type, out.shape = facts.builder.fresh(f"{h.name}_last"), h.type, h.shape
    ir.convenience.replace_all_uses_with(h, out, replace_graph_outputs=True)
    assert node.graph is not None
    node.graph.insert_after(node, last)
    return out


def _frame_by_frame(node: ir.Node, fact: Fact, batch_first: bool, facts: Facts) -> tuple[Fact, ...]:
    """Case 3."""
    runs_over = dims(node.inputs[0])[1 if batch_first else 0]
    if runs_over == "batch" and not fact.folded:
        facts.refuse(
            node,
            "it runs over the batch, from one sequence to the next, and not over time",
            "make it with batch_first=True, or export with batch_axis=1 and time_axis=0 (--batch-axis 1 --time-axis 0)",
        )
    starts = []
    for index in range(5, min(7, len(node.inputs))):
        value = node.inputs[index]
        start = facts.of(value)
        if start is not None and start.axis == (0 if batch_first else 1) and start.folded:
            starts.append(index)
            continue
        if start is not None:
            _check_initial(node, [value], facts)
        if value is not None and not is_zero(value):
            facts.refuse(
                node, "every frame is a sequence of its own, and starts from a learned state", "start from zeros"
            )
        node.replace_input_with(index, None)
    if starts:
        fact = replace(fact, clock=joined(node, facts, [0, *starts]))
    facts.note(node, f"{node.op_type} over another axis than time: every frame by itself")
    state = fact.moved(0 if batch_first else 1)
    return (fact.moved(0 if batch_first else 2), *([state] * (len(node.outputs) - 1)))


def is_zero(value: ir.Value | None, depth: int = 0) -> bool:
    """Whether a value is made of zeros only, whatever its shape."""
    array = constant(value)
    if value is None or array is not None:
        return array is None or not array.any()
    node = value.producer()
    if node is None or depth > 20:
        return False
    if node.op_type == "ConstantOfShape":
        filled = node.attributes.get("value")
        return filled is None or not filled.as_tensor().numpy().any()
    moves = {"Expand", "Split", "Slice", "Squeeze", "Unsqueeze", "Identity", "Reshape", "Transpose", "Gather", "Tile"}
    return node.op_type in moves and is_zero(node.inputs[0], depth + 1)


@rule("Scan")
def scan(node: ir.Node, facts: Facts) -> tuple[Fact, ...]:
    """Hand-written cells (ONNX operator specification, Scan-11 and later).

    1. Every scanned input has time on its scan axis; scanned outputs have it on theirs; final states are summaries.
    2. Every initial state becomes a carried state.
    3. A reverse scan, an initial state computed from the input, and a body that reads a streamed value from outside
       are refused.
    """
    scanned = node.attributes.get_int("num_scan_inputs", 0)
    states = len(node.inputs) - scanned
    outputs = len(node.outputs) - states
    if any(_flags(node, "scan_input_directions", scanned)) or any(_flags(node, "scan_output_directions", outputs)):
        facts.refuse(node, "it runs from the end of the sequence", "scan forwards")
    if (summary := _of_summaries(node.inputs, facts)) is not None:
        return (summary,) * len(node.outputs)
    _check_initial(node, node.inputs[:states], facts)
    along = [facts.of(value) for value in node.inputs[states:] if value is not None]
    axes = _flags(node, "scan_input_axes", scanned)
    if all(fact is None or fact.axis not in (axis, None) for fact, axis in zip(along, axes, strict=True)):
        facts.refuse(node, "it scans another axis than time", "scan (time, batch, feature) over axis 0")
    for fact, axis in zip(along, axes, strict=True):
        if fact is None or fact.axis != axis or fact.folded:
            facts.refuse(node, "it does not scan the stream's time axis", "scan (time, batch, feature) over axis 0")
    body = node.attributes["body"].as_graph()
    for inner in body.all_nodes():
        if any(facts.of(value) is not None for value in inner.inputs):
            facts.refuse(node, "its body reads a streamed value from outside", "pass it through the scanned inputs")
    place = facts.places.get(node.name or "", "") or "scan"
    letters = node.metadata_props.pop(STATE_NAMES, "").split()
    joined(node, facts, list(range(states, len(node.inputs))))
    warmup = 0
    last = _used(node.outputs[:states])
    for index in range(states, len(node.inputs)):
        value = cast(ir.Value, node.inputs[index])
        fact = facts.known[value]
        if last:
            value, fact = until_certain(node, value, fact, facts)
        value, fact, warmup = aligned(node, value, fact, facts)
        node.replace_input_with(index, value)
    assert fact is not None
    for index in range(states):
        letter = letters[index] if letters else f"state{index}"
        facts.states.append(Carried(node, index, index, f"{place}.{letter}", warmup))
    if last and per_call(node, fact, facts) > 1:
        if facts.chunk is None:
            facts.refuse(node, "its last state is an output, and a call brings several frames", "use form unrolled")
        facts.finals[node] = cursor("last", fact.clock, facts)
    facts.note(node, "Scan: state carried from call to call")
    return (*([fact.summed()] * states), *(fact.moved(axis) for axis in _flags(node, "scan_output_axes", outputs)))


def _flags(node: ir.Node, name: str, count: int) -> list[int]:
    return list(node.attributes.get_ints(name) or [0] * count)


def layer_name(node: ir.Node, places: Mapping[str, str]) -> str:
    """Such as encoder.gru.l1, for layer 1 of the module encoder.gru.

    Its weights have that name too, unless a copy of the layer came first: equal arrays stand in a graph once.
    """
    weights = node.inputs[1].name if node.inputs[1] is not None else None
    match = re.fullmatch(r"(?:(.*)\.)?W(\d+)", weights or "")
    place = places.get(node.name or "", "")
    path = place or (match[1] if match else None) or node.op_type.lower()
    return f"{path}.l{match[2]}" if match else path
