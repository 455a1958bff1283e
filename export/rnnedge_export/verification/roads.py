"""The roads that users take through the runtime; each gives what the whole sequence gives.

`Road(model, one)`: `one` is a sequence, (time, ...) by input. A road returns every output by name, (time, ...), or
those frames of it that this road shows.
"""

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
Road = Callable[[Model, Sequence], dict[str, Array]]


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
    """A sequence that was given up with frames held back leaves nothing behind."""
    stream, unit = model.stream(), model.contract.unit
    _push(stream, one, 0, unit + max(1, unit // 2))
    stream.reset()
    return _rest(stream, one, [_push(stream, one, 0, unit)], unit)


def elsewhere(model: Model, one: Sequence) -> dict[str, Array]:
    """A snapshot with frames held back goes on in another stream, that was in the middle of something."""
    stream, other, unit = model.stream(), model.stream(), model.contract.unit
    cut = unit + max(1, unit // 2)
    parts = [_push(stream, one, 0, cut)]
    _push(other, one, unit // 2, unit // 2 + 2 * unit + 1)
    other.restore(stream.snapshot())
    return _rest(other, one, parts, cut)


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
    """`step`, frames written in place; every output without a delay, up to the last whole call."""
    stream, unit = model.stream(), model.contract.unit
    shown = [port for port in model.contract.outputs if port.per_frame and not port.clock.delay]
    found: dict[str, list[Array]] = {port.name: [] for port in shown}
    for at in _calls(model, one):
        for name, view in stream.inputs.items():
            view[...] = one[name][at : at + unit].reshape(view.shape)
        stream.step()
        for name, parts in found.items():
            parts.append(np.array(stream.outputs[name]))
    return {name: np.concatenate(parts) for name, parts in found.items() if parts}


def pooled(model: Model, one: Sequence) -> dict[str, Array]:
    """A pool of three: this sequence joins late, one member leaves early, one comes in its place."""
    unit, names = model.contract.unit, list(one)
    pool = model.pool(3)
    first, gone = pool.join(), pool.join()

    def cut(at: int, until: int) -> Frames:
        return {name: one[name][at:until] for name in names} if len(names) > 1 else one[names[0]][at:until]

    pool.push({first: cut(0, unit), gone: cut(0, 2 * unit)})
    member = pool.join()
    half = max(unit, _length(one) // 2 // unit * unit)
    parts = [pool.push({first: cut(unit, unit + half), gone: cut(0, half), member: cut(0, half)})[member]]
    pool.leave(gone)
    late = pool.join()
    rest = cut(half, _length(one))
    parts.append(pool.push({late: cut(0, unit), member: rest, first: cut(0, unit)})[member])
    parts.append(pool.finish(member))
    return _joined(model, [named(model.contract, part) for part in parts])


ROADS: dict[str, Road] = {
    "array pushes": arrays,
    "after reset": after_reset,
    "snapshot elsewhere": elsewhere,
    "snapshot and back": back,
    "step": steps,
    "pool": pooled,
}


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
