"""Totals that do not stand still: what a float32 total loses of each addition is a second state, added to the next.

A total alone stops growing when what comes is less than half of its last digit: one by one, at 2^24, which is 17
minutes at 16 kHz. With the rest the error is that of the last rounding, however long the stream runs (Kahan 1965;
Higham, Accuracy and Stability of Numerical Algorithms, 4.3).
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
) -> tuple[ir.Value, ir.Value, ir.Value]:
    """(total + rest + part, total after the call, rest after the call); `last` takes the last frame of a value.

    The order of these operations is their meaning; no engine may change it.
    """
    more = insert(node, facts, "Add", part, rest, like=part)
    out = insert(node, facts, "Add", total, more, like=part)
    after = last(out)
    kept = insert(node, facts, "Sub", after, total, like=total)
    return out, after, insert(node, facts, "Sub", last(more), kept, like=total)
