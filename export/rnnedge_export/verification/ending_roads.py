"""The roads of sequences that end or begin in another way than by `finish` and from the usual states."""

from __future__ import annotations

import numpy as np

from rnnedge_export.verification.road_parts import Sequence, joined, length, of_one, push, rest
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import VerificationError
from rnnedge_runtime.golden import named
from rnnedge_runtime.model import Model

_BEFORE = 3


def ended_by_a_gap(model: Model, one: Sequence) -> dict[str, Array]:
    """A gap that ends the sequence gives what `finish` gives of outputs for each frame."""
    stream = model.stream(gap="reset")
    found = push(stream, one, 0, length(one))
    end = named(model.contract, stream.gap(1))
    if stream.frames:
        raise VerificationError(f"after a gap a new sequence begins, and the stream counts {stream.frames} frames")
    shown = [port.name for port in model.contract.outputs if port.per_frame]
    return {name: np.concatenate([found[name], end[name]]) for name in shown}


def begun_by_a_nan(model: Model, one: Sequence) -> dict[str, Array]:
    """The sequence after a frame with a NaN in the middle of a push, or after a gap if no input has NaNs."""
    contract, unit = model.contract, model.contract.unit
    stream = model.stream(non_finite="reset", gap="reset")
    floats = [name for name, array in one.items() if array.dtype.kind == "f"]
    if not floats:
        push(stream, one, 0, length(one))
        stream.gap(1)
        return rest(stream, one, [], 0)
    frames = {name: np.concatenate([array, array[-1:], array[:unit]]) for name, array in one.items()}
    poisoned = frames[floats[-1]]
    poisoned.reshape(len(poisoned), -1)[length(one), -1] = np.nan
    found = dict(named(contract, stream.push(of_one(frames))))
    for port in contract.outputs:
        if port.per_frame:
            found[port.name] = found[port.name][port.clock.valid(contract.whole_length(length(one))) :]
    return rest(stream, one, [found], unit)


def from_given_states(model: Model, one: Sequence) -> dict[str, Array]:
    """A stream that is given the states of another one goes on there, if nothing else says where that stands.

    It returns to them when it is reset. What was read of a stream stays as it was when that goes on.
    """
    contract = model.contract
    stream, cut = model.stream(), _BEFORE * contract.unit
    parts = [push(stream, one, 0, cut)]
    read = stream.states
    kept = {name: array.copy() for name, array in read.items()}
    if stands_in_its_states(model):
        first, stream = stream, model.stream(states=read)
        for at in range(cut, 2 * cut, contract.unit):
            push(first, one, at, at + contract.unit)
        push(stream, one, 0, contract.unit)
        stream.reset()
    parts += [push(stream, one, at, at + contract.unit) for at in range(cut, 2 * cut, contract.unit)]
    parts += [push(stream, one, 2 * cut, length(one)), named(contract, stream.finish())]
    changed = [name for name, array in kept.items() if not np.array_equal(array, read[name])]
    if changed:
        raise VerificationError(f"state {changed[0]!r}: what was read of a stream changes when that goes on")
    return joined(model, parts)


def stands_in_its_states(model: Model) -> bool:
    """Whether nothing but its states says where a stream stands."""
    contract = model.contract
    ahead = contract.warmup or contract.cursors or contract.summaries or contract.contexts
    return not ahead and not any(port.clock.delay for port in contract.outputs)
