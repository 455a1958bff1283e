"""The roads of members of a pool that have policies of their own, and what a pool refuses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Literal

import numpy as np

from rnnedge_export.verification.road_parts import HELD, LATER, Sequence, joined, length, of_one, refused
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import VerificationError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.golden import named
from rnnedge_runtime.model import Model
from rnnedge_runtime.pool import Member, StreamPool


def pooled_gaps(model: Model, one: Sequence) -> dict[str, Array]:
    """A member that holds its last frame, next to one that rejects and one that puts zeros, as `roads.gaps`."""
    return _with_gaps(model, one, "hold")


def pooled_zeros(model: Model, one: Sequence) -> dict[str, Array]:
    """Likewise one that puts zeros in their place."""
    return _with_gaps(model, one, "zero")


def _with_gaps(model: Model, one: Sequence, policy: Literal["hold", "zero"]) -> dict[str, Array]:
    unit = model.contract.unit
    first, second, end = (k * unit for k in HELD[policy])
    pool = model.pool(3)
    other: Literal["hold", "zero"] = "zero" if policy == "hold" else "hold"
    before, member, after = (
        pool.join(),
        pool.join(gap=policy, non_finite=policy),
        pool.join(gap=other, non_finite=other),
    )
    members = (before, member, after)
    parts: list[Mapping[str, Array]] = []
    waits = max(1, unit // 2)

    def push(at: int, until: int, mine: Sequence | None = None) -> None:
        """All three, and one of them frames of its own."""
        frames = dict.fromkeys(members, _cut(one, at, until))
        found = pool.push({**frames, member: _cut(mine or one, at, until)})
        parts.append(named(model.contract, found[member]))

    # Of one member something waits from the beginning on.
    pool.push({before: _cut(one, 0, waits)})
    push(0, unit)
    push(unit, first - unit + waits)
    _refused_for_one(pool, (member, after, before), one, first)
    push(first - unit + waits, first)
    parts.append(named(model.contract, pool.gap(member, second - first)))
    for each in (before, after):
        pool.push({each: _cut(one, first, second)})
    floats = all(array.dtype.kind == "f" for array in one.values())
    bad = {name: np.full_like(array, np.nan) for name, array in one.items()} if floats else one
    push(second, end, bad)
    again = {name: array.copy() for name, array in one.items()}
    for array in again.values() if floats and policy == "hold" else ():
        array[LATER * unit] = np.nan
    push(end, length(one), again)
    parts.append(named(model.contract, pool.finish(member)))
    refused(partial(pool.push, {member: _cut(one, 0, unit)}), "a member of a pool that is finished took frames")
    if pool.frames(before) != length(one) + waits:
        raise VerificationError(f"a member counts {pool.frames(before)} of {length(one) + waits} frames")
    _begins_anew(pool, member, before)
    return joined(model, parts)


def _refused_for_one(pool: StreamPool, members: tuple[Member, ...], one: Sequence, at: int) -> None:
    """A push with a NaN, or a number beyond a range, for the last one leaves every one as it was."""
    frames = {name: array[at : at + 1].copy() for name, array in one.items()}
    port = next((p for p in pool.contract.inputs if p.range or frames[p.name].dtype.kind == "f"), None)
    if port is None:
        return
    bad = {**frames, port.name: np.full_like(frames[port.name], np.nan if port.range is None else port.range[1] + 1)}
    before = [pool.snapshot(member) for member in members]
    given: dict[Member, Frames] = dict.fromkeys(members[:-1], of_one(frames))
    refused(
        partial(pool.push, {**given, members[-1]: of_one(bad)}),
        f"input {port.name!r}: a pool took a NaN, or no number of its range",
    )
    if [pool.snapshot(member) for member in members] != before:
        raise VerificationError("a push to a pool that was refused for one member has moved others")


def _begins_anew(pool: StreamPool, member: Member, leaves: Member) -> None:
    """After a reset a member stands where one does that has just joined with the same policies."""
    pool.reset(member)
    pool.leave(leaves)
    policies = member.policies
    new = pool.join(gap=policies.gap, non_finite=policies.non_finite)
    if pool.snapshot(member) != pool.snapshot(new) or pool.frames(member):
        raise VerificationError("a member of a pool that is reset is another one than one that joins")


def _cut(one: Sequence, at: int, until: int) -> Frames:
    return of_one({name: array[at:until] for name, array in one.items()})
