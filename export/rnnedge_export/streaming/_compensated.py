"""Totals that do not stand still: what a float32 total loses of each addition is a second state, added to the next.

A total alone stops growing when what comes is less than half of its last digit: one by one, at 2^24, which is 17
minutes at 16 kHz. With the rest the error is that of the last rounding, however long the stream runs (Kahan 1965;
Higham, Accuracy and Stability of Numerical Algorithms, 4.3). Within a call onnxruntime adds in the type that it is
given, so a long call is added in float64: a phase of 8,000 frames was 3e-4 off.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

from rnnedge_export.streaming._caches import insert
from rnnedge_export.streaming.facts import Facts


def add_to(
    node: ir.Node,
    facts: Facts,
    total: ir.Value,
    rest: ir.Value,
    part: ir.Value,
    last: Callable[[ir.Value], ir.Value] = lambda value: value,
    low: ir.Value | None = None,
) -> tuple[ir.Value, ir.Value, ir.Value]:
    """(total + rest + part, total after the call, rest after the call); `last` takes the last frame of a value.

    `low`: what float32 has lost of `part`. The order of these operations is their meaning; no engine may change it.
    """
    small = rest if low is None else insert(node, facts, "Add", low, rest, like=part)
    more = insert(node, facts, "Add", part, small, like=part)
    out = insert(node, facts, "Add", total, more, like=part)
    after = last(out)
    kept = insert(node, facts, "Sub", after, total, like=total)
    if low is None:
        return out, after, insert(node, facts, "Sub", last(more), kept, like=total)
    lost = insert(node, facts, "Sub", last(part), kept, like=total)
    return out, after, insert(node, facts, "Add", lost, last(small), like=total)


def sums_within(node: ir.Node, facts: Facts, value: ir.Value, axis: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The running sums of the frames of a call along `axis`, added in float64, and what float32 loses of each."""

    def cast(one: ir.Value, to: ir.DataType) -> ir.Value:
        found = insert(node, facts, "Cast", one, like=value, to=int(to))
        found.type = ir.TensorType(to)
        return found

    def wide(op_type: str, *inputs: ir.Value) -> ir.Value:
        found = insert(node, facts, op_type, *inputs, like=value)
        found.type = ir.TensorType(ir.DataType.DOUBLE)
        return found

    sums = wide("CumSum", cast(value, ir.DataType.DOUBLE), axis)
    high = cast(sums, ir.DataType.FLOAT)
    return high, cast(wide("Sub", sums, cast(high, ir.DataType.DOUBLE)), ir.DataType.FLOAT)
