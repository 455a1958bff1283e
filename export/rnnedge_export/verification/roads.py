"""The roads that users take through the runtime; each gives what the whole sequence gives.

`Road(model, one)`: `one` is a sequence, (time, ...) by input. A road returns every output by name, (time, ...), or
those frames of it that this road shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError, VerificationError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.golden import named
from rnnedge_runtime.model import Model
from rnnedge_runtime.stream import Stream

Sequence = Mapping[str, Array]
Road = Callable[[Model, Sequence], dict[str, Array]]
_BEFORE = 3


def arrays(model: Model, one: Sequence) -> dict[str, Array]:
    """A push for every call of the least length, the rest, `finish`; a second `finish` is refused."""
    stream = model.stream()
    found = _rest(stream, one, [_push(stream, one, at, at + model.contract.unit) for at in _calls(model, one)])
    try:
        stream.finish()
    except InputError:
        return found
    raise VerificationError("a second finish was taken")


def after_reset(model: Model, one: Sequence) -> dict[str, Array]:
    """A sequence that was given up with frames held back leaves nothing behind, whatever it has done before."""
    stream, unit = model.stream(), model.contract.unit
    for at in range(0, _BEFORE * unit, unit):
        _push(stream, one, at, at + unit)
    _push(stream, one, unit, 2 * unit + max(1, unit // 2))
    stream.reset()
    return _rest(stream, one, [_push(stream, one, 0, unit)], unit)


def elsewhere(model: Model, one: Sequence) -> dict[str, Array]:
    """A snapshot with frames held back goes on in another stream, that was in the middle of something.

    By way of a third one, which only hands it on, and once more at the end.
    """
    stream, other, between, unit = model.stream(), model.stream(), model.stream(), model.contract.unit
    cut = unit + max(1, unit // 2)
    parts = [_push(stream, one, 0, cut)]
    _push(other, one, unit // 2, unit // 2 + 2 * unit + 1)
    between.restore(stream.snapshot())
    other.restore(between.snapshot())
    parts.append(_push(other, one, cut, _length(one)))
    between.restore(other.snapshot())
    parts.append(named(model.contract, between.finish()))
    return _joined(model, parts)


def back(model: Model, one: Sequence) -> dict[str, Array]:
    """A stream that went on goes back to where its snapshot was taken."""
    stream, unit = model.stream(), model.contract.unit
    cut = 2 * unit + unit // 2
    parts = [_push(stream, one, 0, cut)]
    kept = stream.snapshot()
    _push(stream, one, 0, unit + 1)
    stream.restore(kept)
    return _rest(stream, one, parts, cut)


def steps(model: Model, one: Sequence) -> dict[str, Array]:
    """`step`, frames written in place; every output without a delay, up to the last whole call.

    Before the last one, a NaN in any input is refused, and leaves the stream as it was.
    """
    stream = model.stream()
    shown = [port for port in model.contract.outputs if port.per_frame and not port.clock.delay]
    found: dict[str, list[Array]] = {port.name: [] for port in shown}
    for at in _calls(model, one):
        _write(stream, one, at)
        if at == _calls(model, one)[-1]:
            _refused_by_step(stream)
            _write(stream, one, at)
        stream.step()
        for name, parts in found.items():
            parts.append(np.array(stream.outputs[name]))
    return {name: np.concatenate(parts) for name, parts in found.items() if parts}


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


def pooled(model: Model, one: Sequence) -> dict[str, Array]:
    """A pool of three: this sequence joins late, one member leaves early, one comes in its place."""
    return _in_pool(model, one)[0]


def pooled_later(model: Model, one: Sequence) -> dict[str, Array]:
    """Of the same pool, the sequence that comes in the place of another one."""
    return _in_pool(model, one)[1]


def _in_pool(model: Model, one: Sequence) -> tuple[dict[str, Array], dict[str, Array]]:
    unit, names, end = model.contract.unit, list(one), _length(one)
    pool = model.pool(3)
    first, gone = pool.join(), pool.join()

    def cut(at: int, until: int) -> Frames:
        return {name: one[name][at:until] for name in names} if len(names) > 1 else one[names[0]][at:until]

    pool.push({first: cut(0, unit), gone: cut(0, 2 * unit)})
    member = pool.join()
    half = max(unit, end // 2 // unit * unit)
    parts = [pool.push({first: cut(unit, unit + half), gone: cut(0, half), member: cut(0, half)})[member]]
    pool.leave(gone)
    late = pool.join()
    found = pool.push({late: cut(0, unit), member: cut(half, end), first: cut(0, unit)})
    others = [found[late], pool.push({late: cut(unit, end)})[late]]
    parts += [found[member], pool.finish(member)]
    others.append(pool.finish(late))
    return tuple(_joined(model, [named(model.contract, part) for part in each]) for each in (parts, others))  # type: ignore[return-value]


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
    parts = [_push(stream, one, at, at + unit) for at in range(0, first, unit)]
    parts.append(named(contract, stream.gap(second - first)))
    floats = all(array.dtype.kind == "f" for array in one.values())
    given = {
        name: np.full_like(array[second:end], np.nan) if floats else array[second:end] for name, array in one.items()
    }
    parts.append(_push(stream, given, 0, end - second))
    return _rest(stream, one, parts, end)


ROADS: dict[str, Road] = {
    "array pushes": arrays,
    "after reset": after_reset,
    "snapshot elsewhere": elsewhere,
    "snapshot and back": back,
    "step": steps,
    "pool": pooled,
    "pool, later": pooled_later,
    "gaps, held": gaps,
    "gaps, zeros": zeros,
}

GAPS = ("gaps, held", "gaps, zeros")

# In the sequence of such a road, in calls: where the frames before stand once more until, and where zeros stand until.
HELD = {"hold": (3, 5, 6), "zero": (7, 9, 10)}


def with_gaps(frames: Mapping[str, Array], unit: int) -> dict[str, Array]:
    """Sequences (batch, time, ...) for the roads of `GAPS`, with what `HELD` says."""
    found = {name: array.copy() for name, array in frames.items()}
    for array in found.values():
        first, _, end = (k * unit for k in HELD["hold"])
        array[:, first:end] = array[:, first - 1 : first]
        first, _, end = (k * unit for k in HELD["zero"])
        array[:, first:end] = 0
    return found


def _calls(model: Model, one: Sequence) -> range:
    """Where whole calls begin."""
    unit = model.contract.unit
    return range(0, _length(one) // unit * unit, unit)


def _length(one: Sequence) -> int:
    return len(next(iter(one.values())))


def _push(stream: Stream, one: Sequence, at: int, until: int) -> Mapping[str, Array]:
    """One input as a plain array, which has a way of its own through `push`."""
    frames = {name: np.ascontiguousarray(array[at:until]) for name, array in one.items()}
    return named(stream.contract, stream.push(frames if len(frames) > 1 else next(iter(frames.values()))))


def _rest(stream: Stream, one: Sequence, parts: list[Mapping[str, Array]], at: int | None = None) -> dict[str, Array]:
    """Everything from frame `at` on, or what no whole call took, and the end; joined to `parts`."""
    unit = stream.contract.unit
    start = _length(one) // unit * unit if at is None else at
    parts = [*parts, _push(stream, one, start, _length(one)), named(stream.contract, stream.finish())]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _joined(model: Model, parts: list[Mapping[str, Array]]) -> dict[str, Array]:
    return {port.name: np.concatenate([part[port.name] for part in parts]) for port in model.contract.outputs}
