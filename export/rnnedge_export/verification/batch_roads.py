"""The roads of a batch: each sequence has a row of its own in states, snapshots, copies, gaps and a pool."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnedge_export.verification.ending_roads import stands_in_its_states
from rnnedge_export.verification.road_parts import HELD, of_one
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import VerificationError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.golden import named
from rnnedge_runtime.model import Model
from rnnedge_runtime.stream import Stream


def batched(model: Model, frames: Mapping[str, Array]) -> dict[str, Array]:
    """Frames (batch, time, ...) as `with_gaps` makes them: a reset, a snapshot and a copy with frames held back, a gap.

    Every output, (batch, time, ...).
    """
    contract, unit = model.contract, model.contract.unit
    rows, time = next(iter(frames.values())).shape[:2]
    first, second, _ = (k * unit for k in HELD["hold"])
    waits = unit + max(1, unit // 2)

    def cut(at: int, until: int) -> Frames:
        return of_one({name: np.array(array[:, at:until], order="C") for name, array in frames.items()})

    stream, other = model.stream(rows, gap="hold"), model.stream(rows, gap="hold")
    stream.push(cut(unit, 3 * unit + 1))
    stream.reset()
    parts = [stream.push(cut(0, waits))]
    other.push(cut(unit, 2 * unit))
    _goes_on_from_states(model, frames, other)
    other.restore(stream.snapshot())
    stream = other.copy()
    other.push(cut(0, unit))
    parts += [
        stream.push(cut(waits, first)),
        stream.gap(second - first),
        stream.push(cut(second, time)),
        stream.finish(),
    ]
    every = [named(contract, part) for part in parts]
    return {name: np.concatenate([part[name] for part in every], axis=1) for name in every[0]}


def _goes_on_from_states(model: Model, frames: Mapping[str, Array], stream: Stream) -> None:
    """A batch that is given the states of another one goes on there, each sequence from its own."""
    states, unit = stream.states, model.contract.unit
    # A cache may begin with infinities, which no caller may give.
    if not stands_in_its_states(model) or not all(np.isfinite(array).all() for array in states.values()):
        return
    given = model.stream(stream.batch, states=states)
    more = of_one({name: np.array(array[:, :unit], order="C") for name, array in frames.items()})
    ways = [named(model.contract, one.push(more)) for one in (stream, given)]
    if any(not np.array_equal(array, ways[1][name], equal_nan=True) for name, array in ways[0].items()):
        raise VerificationError("a batch that is given states goes on from others")


def crowded(model: Model, frames: Mapping[str, Array]) -> dict[str, Array]:
    """Frames (batch, time, ...), each sequence a member of one pool, which are so many that a call has rows to spare.

    Every output, (batch, time, ...).
    """
    contract, unit = model.contract, model.contract.unit
    rows, time = next(iter(frames.values())).shape[:2]
    pool = model.pool(rows)
    members = [pool.join() for _ in range(rows)]
    parts: list[list[Mapping[str, Array]]] = [[] for _ in members]
    pieces = ((0, 2 * unit), (2 * unit, 3 * unit), (3 * unit, time))
    # In the middle all but the last one, which comes later.
    for (start, end), some in zip(pieces, ((members,), (members[:-1], members[-1:]), (members,)), strict=True):
        for here in some:
            given = {
                m: of_one({n: a[k, start:end] for n, a in frames.items()}) for k, m in enumerate(members) if m in here
            }
            found = pool.push(given)
            for part, member in zip(parts, members, strict=True):
                part += [named(contract, found[member])] if member in here else []
    for part, member in zip(parts, members, strict=True):
        part.append(named(contract, pool.finish(member)))
    whole = [{name: np.concatenate([one[name] for one in part]) for name in part[0]} for part in parts]
    return {name: np.stack([one[name] for one in whole]) for name in whole[0]}
