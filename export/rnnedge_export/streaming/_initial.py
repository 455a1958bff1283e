"""The values of carried states before the first frame, found by evaluating the offline graph.

Patterns that build a zero or learned initial state differ from module to module; what they compute does not. The
values are evaluated for different inputs, lengths and batch sizes: where the results agree, up to the order in which a
batch of another size is added up, the state starts from that constant; where they do not, it depends on the data, which
no stream can know before its first frame.
"""

from __future__ import annotations

import numpy as np

from rnnedge_export.streaming.facts import Carried, Facts
from rnnedge_runtime.contract import Array

_LAST_DIGITS = 8


def initial_values(carried: list[Carried], facts: Facts) -> list[float | Array]:
    """For each state a fill value, or an array with batch 1; raises `ModelRefused` where it depends on the data."""
    names = [_value_name(state) for state in carried]
    wanted = sorted({name for name in names if name})
    runs = []
    if wanted:
        # (batch 1, short), (batch 1, longer, other data) and (batch 2).
        for batch, time, seed in ((1, facts.totals[1], None), (1, facts.totals[3], 1), (2, facts.totals[2], 2)):
            runs.append(dict(zip(wanted, facts.offline.evaluate(wanted, batch, time, seed=seed), strict=True)))
    return [_constant_of(state, name, runs, facts) if name else 0.0 for state, name in zip(carried, names, strict=True)]


def _value_name(state: Carried) -> str | None:
    value = state.node.inputs[state.read] if state.read < len(state.node.inputs) else None
    return None if value is None else value.name


def _constant_of(state: Carried, name: str, runs: list[dict[str, Array]], facts: Facts) -> float | Array:
    first, second, double = (run[name] for run in runs)
    if first.size and all((run[name] == first.flat[0]).all() for run in runs):
        return float(first.flat[0])
    same = first.shape == second.shape and alike(first, second)
    wide = [a in (1, b) for a, b in zip(first.shape, double.shape, strict=True)]
    if not same or not all(wide) or not alike(np.broadcast_to(first, double.shape), double):
        facts.refuse(
            state.node,
            "its initial state depends on the input, its length or the batch size",
            "start from zeros or a learned constant",
        )
    return first


def alike(a: Array, b: Array) -> bool:
    """Whether arrays of one shape differ in the last digits of their largest number at most; infinities are equal."""
    same = np.array_equal(a, b)
    if same or a.dtype.kind != "f" or not np.isfinite(a).all():
        return same
    least = _LAST_DIGITS * float(np.finfo(a.dtype).eps) * float(np.abs(a).max(initial=0.0))
    return bool((np.abs(a - b) <= least).all())
