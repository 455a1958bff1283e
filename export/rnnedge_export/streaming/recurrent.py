"""Recurrences: their state is what a stream carries from call to call."""

from __future__ import annotations

import re

import onnx_ir as ir

from rnnedge_export.streaming.facts import SUMMARY, Carried, Fact, Facts
from rnnedge_export.streaming.registry import rule

_STATES = {"RNN": ((5, 1, "h"),), "GRU": ((5, 1, "h"),), "LSTM": ((5, 1, "h"), (6, 2, "c"))}


@rule("RNN", "GRU", "LSTM")
def recurrent(node: ir.Node, facts: Facts) -> tuple[Fact, ...]:
    """Native recurrences (ONNX operator specification, opset 14 and 22).

    1. X has time on the axis that the recurrence runs over; Y keeps it there, Y_h and Y_c are summaries.
    2. initial_h and initial_c become carried states.
    3. A reverse or bidirectional recurrence over time, per-sequence lengths and streamed weights are refused.
    """
    direction = node.attributes.get_string("direction", "forward")
    if direction != "forward":
        facts.refuse(
            node,
            f"a {direction} recurrence reads the sequence from its end",
            "use a forward one (bidirectional=False)",
        )
    if any(facts.of(v) is not None for v in node.inputs[1:4]):
        facts.refuse(node, "its weights change with time", "make them constants of the network")
    if len(node.inputs) > 4 and node.inputs[4] is not None:
        facts.refuse(node, "it reads sequence lengths", "leave padding and masks to the training loop")
    if any(facts.of(v) is not None for v in node.inputs[5:7]):
        facts.refuse(node, "its initial state is computed from the input", "start from zeros or a learned constant")
    fact = facts.of(node.inputs[0])
    batch_first = node.attributes.get_int("layout", 0)
    if fact is None or fact.axis != (1 if batch_first else 0):
        facts.refuse(
            node, "it does not run along the stream's time axis", "check batch_first and the export's time_axis"
        )
    name = _layer_name(node, facts)
    for read, written, letter in _STATES[node.op_type]:
        facts.carried.append(Carried(node, read, written, f"{name}.{letter}"))
    # Y is (time, directions, batch, hidden), or (batch, time, directions, hidden) in the batch-first layout.
    return (fact, *([SUMMARY] * (len(node.outputs) - 1)))


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
    if any(facts.of(v) is not None for v in node.inputs[:states]):
        facts.refuse(node, "its initial state is computed from the input", "start from zeros or a learned constant")
    for value, axis in zip(node.inputs[states:], _flags(node, "scan_input_axes", scanned), strict=True):
        fact = facts.of(value)
        if fact is None or fact.axis != axis:
            facts.refuse(node, "it does not scan the stream's time axis", "scan (time, batch, feature) over axis 0")
    body = node.attributes["body"].as_graph()
    for inner in body.all_nodes():
        if any(facts.of(value) is not None for value in inner.inputs):
            facts.refuse(node, "its body reads a streamed value from outside", "pass it through the scanned inputs")
    place = facts.places.get(node.name or "", "") or "scan"
    for index in range(states):
        facts.carried.append(Carried(node, index, index, f"{place}.state{index}"))
    return (*([SUMMARY] * states), *(Fact(axis) for axis in _flags(node, "scan_output_axes", outputs)))


def _flags(node: ir.Node, name: str, count: int) -> list[int]:
    return list(node.attributes.get_ints(name) or [0] * count)


def _layer_name(node: ir.Node, facts: Facts) -> str:
    """Such as encoder.gru.l1, for layer 1 of the module encoder.gru."""
    weights = node.inputs[1].name if node.inputs[1] is not None else None
    match = re.fullmatch(r"(?:(.*)\.)?W(\d+)", weights or "")
    place = facts.places.get(node.name or "", "")
    return f"{match[1] or node.op_type.lower()}.l{match[2]}" if match else place or node.op_type.lower()
