"""What the roads through the runtime are made of: pieces of a sequence in, arrays by output out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError, VerificationError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.golden import named
from rnnedge_runtime.model import Model
from rnnedge_runtime.stream import Stream

Sequence = Mapping[str, Array]
"""(time, ...) by input."""

# In the sequence of such a road, in calls: where the frames before stand once more until, and where zeros stand until.
HELD = {"hold": (3, 5, 6), "zero": (7, 9, 10)}
# And where one frame more is the one before it, in the middle of a push.
LATER = 11


def with_gaps(frames: Mapping[str, Array], unit: int) -> dict[str, Array]:
    """Sequences (batch, time, ...) for the roads of `GAPS`, with what `HELD` says."""
    found = {name: array.copy() for name, array in frames.items()}
    for array in found.values():
        first, _, end = (k * unit for k in HELD["hold"])
        array[:, first:end] = array[:, first - 1 : first]
        first, _, end = (k * unit for k in HELD["zero"])
        array[:, first:end] = 0
        array[:, LATER * unit] = array[:, LATER * unit - 1]
    return found


def calls(model: Model, one: Sequence) -> range:
    """Where whole calls begin."""
    unit = model.contract.unit
    return range(0, length(one) // unit * unit, unit)


def length(one: Sequence) -> int:
    """Frames."""
    return len(next(iter(one.values())))


def push(stream: Stream, one: Sequence, at: int, until: int) -> Mapping[str, Array]:
    """One input as a plain array, which has a way of its own through `push`; the caller's buffers are used again."""
    frames = {name: np.array(array[at:until], order="C") for name, array in one.items()}
    found = stream.push(of_one(frames))
    for array in frames.values():
        array[...] = 1
    return named(stream.contract, found)


def refuse_nan(stream: Stream, one: Sequence, at: int, until: int) -> None:
    """The last of those frames is no number, and all of them are refused."""
    name = next((name for name, array in one.items() if array.dtype.kind == "f"), None)
    if name is None or at == until:
        return
    frames = {key: np.array(array[at:until], order="C") for key, array in one.items()}
    frames[name].reshape(-1)[-1] = np.nan
    try:
        stream.push(of_one(frames))
    except InputError:
        return
    raise VerificationError(f"input {name!r}: a NaN was taken")


def of_one(frames: Sequence) -> Frames:
    """As a user gives them."""
    return dict(frames) if len(frames) > 1 else next(iter(frames.values()))


def rest(stream: Stream, one: Sequence, parts: list[Mapping[str, Array]], at: int | None = None) -> dict[str, Array]:
    """Everything from frame `at` on, or what no whole call took, and the end; joined to `parts`."""
    unit = stream.contract.unit
    start = length(one) // unit * unit if at is None else at
    parts = [*parts, push(stream, one, start, length(one)), named(stream.contract, stream.finish())]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def joined(model: Model, parts: list[Mapping[str, Array]]) -> dict[str, Array]:
    """Every output of all parts."""
    return {port.name: np.concatenate([part[port.name] for part in parts]) for port in model.contract.outputs}


def refused(action: Callable[[], object], what: str) -> None:
    """Raise `VerificationError` unless the runtime refuses it."""
    try:
        action()
    except InputError:
        return
    raise VerificationError(what)
