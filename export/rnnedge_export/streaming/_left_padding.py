"""Frames in front of the first one that comes: padding, and what the layers after it make of padding.

A value whose clock has a delay of -k begins with k frames that no call brings, since nothing of the input is in them.
They are constants, which costs no latency: a window that reaches back over them finds them in its cache from the start,
and a branch that has to wait finds them in its delay. What they come to is evaluated in the offline graph.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import onnx_ir as ir

from rnnedge_export.streaming.facts import Fact, Facts
from rnnedge_runtime.contract import Array


def frames_in_front(
    node: ir.Node, value: ir.Value, fact: Fact, frames: int, fill: float, facts: Facts
) -> float | Array:
    """The last `frames` frames before the first call, as the initial value of a state; `fill` before frame 0."""
    known = -fact.clock.delay
    if known <= 0 or fact.repeated:
        return fill
    axis = fact.axis
    assert axis is not None
    runs = []
    enough = next(total for total in map(facts.at_least, count(known)) if fact.clock.valid(total) >= known)
    for seed, total in enumerate((facts.at_least(enough + 1), facts.at_least(2 * enough + 3))):
        (array,) = facts.offline.evaluate([facts.name_of(value)], 1, total, seed=seed)
        runs.append(array.take(range(max(0, known - frames), known), axis))
    if not np.array_equal(runs[0], runs[1]):
        facts.refuse(node, "frames in front of the first one depend on the input", "pad with a constant")
    found = runs[0]
    if frames > known:
        widths = [(frames - known if i == axis else 0, 0) for i in range(found.ndim)]
        found = np.pad(found, widths, constant_values=fill)
    return float(found.flat[0]) if (found == found.flat[0]).all() else found


def in_front(fact: Fact, frames: int) -> Fact:
    """The fact of a value with `frames` constants in front; those that come before frame 0 have to be the same."""
    clock = fact.clock
    return replace(fact, clock=replace(clock, delay=clock.delay - frames, length=(*clock.length, (1, frames, 1))))
