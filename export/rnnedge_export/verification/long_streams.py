"""Totals, means and counts of a stream that has run for days: their states are jumped there, and have to go on.

A total in float32 stands still where what comes is less than half of its last digit, which a proof of some thousand
frames does not show. A count of frames may wrap or stop where no proof comes. States of a module's own are as good as
the module made them, and are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from rnnedge_export.reference import Reference
from rnnedge_export.verification.road_parts import of_one
from rnnedge_runtime.contract import Array, Contract, State
from rnnedge_runtime.errors import RnnEdgeError
from rnnedge_runtime.model import Model

_KIND = re.compile(r"(?:^|.*\.)(total|sum|mean|count|frame_number)(?:[_#]\d+)*$")
_FRAME_NUMBER = re.compile(r"frame_number(?:[_#]\d+)*$")
_CALLS, _MORE, _SEED = 4, 64, 90
# In what comes with a call; a count that makes every frame of a mean less than half of its last digit.
_FAR, _MANY, _APART = 2.0**25, 1 << 26, 4.0
# Frames of two years at 16 kHz.
_YEARS = 1 << 40


def totals(contract: Contract) -> dict[str, str]:
    """The states that the compiler made for totals and the like, in float32, and of which kind they are."""
    found = {state.input: _KIND.match(state.input) for state in contract.states if state.dtype == "float32"}
    return {name: match[1] for name, match in found.items() if match is not None}


def counters(contract: Contract) -> list[str]:
    """The states that the compiler made for numbers of frames: of a value's own, or of those of a mean."""
    whole = [state.input for state in contract.states if state.dtype == "int64"]
    means = any(_KIND.match(state.input) and "mean" in state.input for state in contract.states)
    return [
        name for name in whole if _FRAME_NUMBER.match(name) or (means and name.rpartition(".")[2].startswith("count"))
    ]


def stops_counting(model: Model, reference: Reference) -> str:
    """The first of `counters` that does not go on after years as it does at first, in words; "" if all of them do."""
    contract, names = model.contract, counters(model.contract)
    frames = _constant(contract, reference)
    seen = _run(model, frames, {}, contract.warmup + _CALLS)
    try:
        after = _run(model, frames, {n: np.full_like(seen[-1][n], _YEARS) for n in names}, contract.warmup + _CALLS)
    # A table of positions ends before, in the source as well.
    except RnnEdgeError:
        return ""
    for name in names:
        gained, later = (run[-1][name] - run[-2][name] for run in (seen, after))
        if not np.array_equal(gained, later) or (after[-1][name] < _YEARS).any():
            return f"state {name!r}: after {_YEARS:,} frames it goes on from {int(after[-1][name].flat[0]):,}"
    return ""


def stands_still(model: Model, reference: Reference) -> str:
    """The first of `totals` that does not go on, in words; "" if all of them do.

    Each is jumped by itself: what another one grows by may be made of it, and be 0 there.
    """
    contract, kinds = model.contract, totals(model.contract)
    frames = _constant(contract, reference)
    seen = _run(model, frames, {}, contract.warmup + _CALLS)
    start = {name: _far(kind, [one[name] for one in seen[-3:]]) for name, kind in kinds.items()}
    counts = {state.input: _many(state, seen[-1]) for state in contract.states if _counts_a_mean(state, kinds)}
    for name, value in start.items():
        after = _run(model, frames, {name: value} | counts, contract.warmup + _MORE)[-1]
        moves = np.not_equal(value, seen[-1][name])
        if (moves & np.isfinite(value) & (after[name] == value)).any():
            return f"state {name!r}: a {kinds[name]} of {float(value[moves].flat[0]):.6g} stands still"
    return ""


def _far(kind: str, values: list[Array]) -> Array:
    """Where a state is after very many calls; where it does not grow evenly, what it was."""
    first, second, third = values
    if kind == "mean":
        return (third + _APART * np.maximum(1, np.abs(third))).astype(third.dtype)
    grows = third - second
    even = (grows != 0) & np.isclose(grows, second - first, rtol=1e-3, atol=0)
    return np.where(even, grows * np.float32(_FAR), third)


def _counts_a_mean(state: State, kinds: Mapping[str, str]) -> bool:
    return state.dtype == "int64" and state.input.rpartition(".")[2].startswith("count") and "mean" in kinds.values()


def _many(state: State, last: Mapping[str, Array]) -> Array:
    return np.full_like(last[state.input], _MANY)


def _constant(contract: Contract, reference: Reference) -> dict[str, Array]:
    """The same frame over and over, of one call."""
    time = reference.lengths.at_least(contract.unit)
    usual = reference.frames(1, time, np.random.default_rng(_SEED))
    return {
        name: np.repeat(np.ones_like(array[0, :1]) if array.dtype.kind == "f" else array[0, :1], contract.unit, axis=0)
        for name, array in usual.items()
    }


def _run(model: Model, frames: Mapping[str, Array], states: Mapping[str, Array], calls: int) -> list[dict[str, Array]]:
    stream, found = model.stream(states=states), []
    if states:
        # By way of a snapshot, which has to have room for them.
        kept, stream = stream.snapshot(), model.stream(states=states)
        stream.restore(kept)
    for _ in range(calls):
        stream.push(of_one(frames))
        found.append(stream.states)
    return found
