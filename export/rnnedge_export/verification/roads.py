"""The roads that users take through the runtime; each gives what the whole sequence gives.

`Road(model, one)`: `one` is a sequence, (time, ...) by input. A road returns every output by name, (time, ...), or
those frames of it that this road shows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

import numpy as np

from rnnedge_export.verification.caller_roads import in_batches, other_arrays
from rnnedge_export.verification.ending_roads import begun_by_a_nan, ended_by_a_gap, from_given_states
from rnnedge_export.verification.policy_roads import pooled_gaps, pooled_zeros
from rnnedge_export.verification.pool_roads import pooled, pooled_first, pooled_later
from rnnedge_export.verification.refused_roads import wrong_frames
from rnnedge_export.verification.road_parts import (
    HELD,
    LATER,
    Sequence,
    calls,
    joined,
    length,
    of_one,
    push,
    refuse_nan,
    refused,
    rest,
)
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError, VerificationError
from rnnedge_runtime.golden import named
from rnnedge_runtime.model import Model
from rnnedge_runtime.stream import Stream

Road = Callable[[Model, Sequence], dict[str, Array]]
_BEFORE, _KNOWN = 3, 8


def arrays(model: Model, one: Sequence) -> dict[str, Array]:
    """A push for every call of the least length, the rest, `finish`; a second `finish` is refused."""
    stream = model.stream()
    found = rest(stream, one, [push(stream, one, at, at + model.contract.unit) for at in calls(model, one)])
    if stream.frames != length(one):
        raise VerificationError(f"a stream counts {stream.frames} of {length(one)} frames")
    refused(stream.finish, "a second finish was taken")
    return found


def after_reset(model: Model, one: Sequence) -> dict[str, Array]:
    """A sequence that was given up with frames held back leaves nothing behind, whatever it has done before."""
    stream, unit = model.stream(), model.contract.unit
    for at in range(0, _BEFORE * unit, unit):
        push(stream, one, at, at + unit)
    push(stream, one, unit, 2 * unit + max(1, unit // 2))
    stream.reset()
    if stream.snapshot() != model.stream().snapshot():
        raise VerificationError("a stream that is reset is another one than one that begins")
    holding = [model.stream(gap="hold", non_finite="hold") for _ in range(2)]
    push(holding[0], one, 0, unit + 1)
    holding[0].reset()
    if holding[0].snapshot() != holding[1].snapshot() or holding[0].frames:
        raise VerificationError("a stream that is reset still holds the last frame")
    return rest(stream, one, [push(stream, one, 0, unit)], unit)


def sizes_again(model: Model, one: Sequence) -> dict[str, Array]:
    """Pushes of plain arrays of sizes that were seen before, by themselves and with frames that wait.

    Later on frames with a NaN are refused before each of them, and leave the stream as it was.
    """
    stream, unit, at = model.stream(), model.contract.unit, 0
    parts: list[Mapping[str, Array]] = []
    waits = max(1, unit // 2)
    for size in itertools.cycle((unit, 2 * unit, unit, 2 * unit, unit, 1, 1, unit, waits, 2 * unit)):
        if at > _KNOWN * unit:
            refuse_nan(stream, one, at, min(at + size, length(one)))
        if at + size > length(one):
            return rest(stream, one, parts, at)
        parts.append(push(stream, one, at, at + size))
        at += size
    raise AssertionError


def at_once(model: Model, one: Sequence) -> dict[str, Array]:
    """`model.run`."""
    found = named(model.contract, model.run(of_one(one)))
    return {p.name: found[p.name] if p.per_frame else found[p.name][None] for p in model.contract.outputs}


def elsewhere(model: Model, one: Sequence) -> dict[str, Array]:
    """A snapshot with frames held back goes on in another stream, that was in the middle of something.

    By way of a third one, which only hands it on, and once more at the end.
    """
    stream, other, between, unit = model.stream(), model.stream(), model.stream(), model.contract.unit
    cut = unit + max(1, unit // 2)
    parts = [push(stream, one, 0, cut)]
    push(other, one, unit // 2, unit // 2 + 2 * unit + 1)
    between.restore(stream.snapshot())
    other.restore(between.snapshot())
    parts.append(push(other, one, cut, length(one)))
    between.restore(other.snapshot())
    parts.append(named(model.contract, between.finish()))
    stream.restore(between.snapshot())
    refused(partial(push, stream, one, 0, unit), "a stream that was finished goes on in another one")
    return joined(model, parts)


def back(model: Model, one: Sequence) -> dict[str, Array]:
    """A stream that went on goes back to where its snapshot was taken."""
    stream, unit = model.stream(), model.contract.unit
    cut = 2 * unit + unit // 2
    parts = [push(stream, one, 0, cut)]
    kept = stream.snapshot()
    push(stream, one, 0, unit + 1)
    stream.restore(kept)
    return rest(stream, one, parts, cut)


def steps(model: Model, one: Sequence) -> dict[str, Array]:
    """`step`, frames written in place; every output from frame 0 on, up to the last whole call.

    Before the last one, a NaN in any input is refused, and leaves the stream as it was. So is a step while frames wait.
    """
    stream, waiting = model.stream(), model.stream()
    if model.contract.unit > 1:
        push(waiting, one, 0, 1)
        refused(waiting.step, "a step was taken while frames wait")
    shown = [port for port in model.contract.outputs if port.per_frame]
    found: dict[str, list[Array]] = {port.name: [] for port in shown}
    for at in calls(model, one):
        _write(stream, one, at)
        if at == calls(model, one)[-1]:
            _refused_by_step(stream)
            _write(stream, one, at)
        stream.step()
        for name, parts in found.items():
            parts.append(np.array(stream.outputs[name]))
    return {port.name: np.concatenate(found[port.name])[port.clock.delay :] for port in shown if found[port.name]}


def _write(stream: Stream, one: Sequence, at: int) -> None:
    for name, view in stream.inputs.items():
        view[...] = one[name][at : at + stream.contract.unit].reshape(view.shape)


def _refused_by_step(stream: Stream) -> None:
    """A NaN as the last number of each input by itself."""
    for name, view in stream.inputs.items():
        if view.dtype.kind != "f":
            continue
        last = (-1,) * view.ndim
        kept, view[last] = view[last], np.nan
        try:
            stream.step()
        except InputError:
            view[last] = kept
            continue
        raise VerificationError(f"input {name!r}: a NaN was taken by step")


def gaps(model: Model, one: Sequence) -> dict[str, Array]:
    """Frames that never came, and frames with a NaN: in their place the one before them, which `one` has there too."""
    return _with_gaps(model, one, "hold")


def zeros(model: Model, one: Sequence) -> dict[str, Array]:
    """Likewise zeros, which `one` has there too."""
    return _with_gaps(model, one, "zero")


def _with_gaps(model: Model, one: Sequence, policy: Literal["hold", "zero"]) -> dict[str, Array]:
    unit, contract = model.contract.unit, model.contract
    first, second, end = (k * unit for k in HELD[policy])
    stream = model.stream(gap=policy, non_finite=policy)
    # The last one of several frames is held.
    parts = [push(stream, one, 0, unit), push(stream, one, unit, first)]
    # The frame that is held is a part of where a stream stands.
    kept, stream = stream.snapshot(), model.stream(gap=policy, non_finite=policy)
    stream.restore(kept)
    parts.append(named(contract, stream.gap(second - first)))
    floats = all(array.dtype.kind == "f" for array in one.values())
    given = {
        name: np.full_like(array[second:end], np.nan) if floats else array[second:end] for name, array in one.items()
    }
    parts.append(push(stream, given, 0, end - second))
    again = {name: array.copy() for name, array in one.items()}
    for array in again.values() if floats and policy == "hold" else ():
        array[LATER * unit] = np.nan
    found = rest(stream, again, parts, end)
    mended = (end - second + int(policy == "hold")) if floats else 0
    counted = {"gap": second - first} | ({"held" if policy == "hold" else "zeroed": mended} if mended else {})
    if dict(stream.counters) != counted:
        raise VerificationError(f"a stream counts {dict(stream.counters)}, where there were {counted}")
    return found


ROADS: dict[str, Road] = {
    "array pushes": arrays,
    "sizes again": sizes_again,
    "run": at_once,
    "after reset": after_reset,
    "snapshot elsewhere": elsewhere,
    "snapshot and back": back,
    "step": steps,
    "pool": pooled,
    "pool, first": pooled_first,
    "pool, later": pooled_later,
    "gaps, held": gaps,
    "gaps, zeros": zeros,
    "gap, ends": ended_by_a_gap,
    "NaN, begins": begun_by_a_nan,
    "states given": from_given_states,
    "wrong frames": wrong_frames,
    "other arrays": other_arrays,
    "run of batches": in_batches,
    "pool, held": pooled_gaps,
    "pool, zeros": pooled_zeros,
}

GAPS = ("gaps, held", "gaps, zeros", "pool, held", "pool, zeros")
