"""The roads through a pool."""

from __future__ import annotations

from rnnedge_export.verification.road_parts import Sequence, joined, length, of_one
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import VerificationError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.golden import named
from rnnedge_runtime.model import Model


def pooled(model: Model, one: Sequence) -> dict[str, Array]:
    """A pool of three: this sequence joins late, one member leaves early, one comes in its place.

    One goes back to its snapshot, one is reset.
    """
    return _in_pool(model, one)[0]


def pooled_first(model: Model, one: Sequence) -> dict[str, Array]:
    """Of the same pool, the sequence that is in it from the beginning to the end."""
    return _in_pool(model, one)[1]


def pooled_later(model: Model, one: Sequence) -> dict[str, Array]:
    """Of the same pool, the sequence that comes in the place of another one."""
    return _in_pool(model, one)[2]


def _in_pool(model: Model, one: Sequence) -> list[dict[str, Array]]:
    unit, end = model.contract.unit, length(one)
    pool = model.pool(3)
    first, gone = pool.join(), pool.join()

    def cut(at: int, until: int) -> Frames:
        return of_one({name: array[at:until] for name, array in one.items()})

    starts = [pool.push({first: cut(0, unit), gone: cut(0, 2 * unit)})[first]]
    member = pool.join()
    half = max(unit, end // 2 // unit * unit)
    found = pool.push({first: cut(unit, unit + half), gone: cut(0, half), member: cut(0, half)})
    parts, starts = [found[member]], [*starts, found[first]]
    kept = pool.snapshot(first)
    pool.push({first: cut(0, 2 * unit + 1)})
    pool.restore(first, kept)
    pool.leave(gone)
    late = pool.join()
    pool.push({late: cut(unit, 3 * unit + 1)})
    pool.reset(late)
    found = pool.push({late: cut(0, unit), member: cut(half, end), first: cut(unit + half, end)})
    others = [found[late], pool.push({late: cut(unit, end)})[late]]
    counted = [pool.frames(one) for one in (member, first, late)]
    if counted != [end] * 3:
        raise VerificationError(f"members of a pool count {counted} of {end} frames")
    parts += [found[member], pool.finish(member)]
    starts += [found[first], pool.finish(first)]
    others.append(pool.finish(late))
    return [joined(model, [named(model.contract, part) for part in each]) for each in (parts, starts, others)]
