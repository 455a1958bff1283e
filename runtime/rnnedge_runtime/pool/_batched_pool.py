"""Pushes to many members, with as few calls as possible."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import compress
from time import monotonic
from typing import Any, Generic, TypeGuard

import numpy as np

from rnnedge_runtime._exclusive import alone
from rnnedge_runtime.arguments import shown
from rnnedge_runtime.arrays import MOST_BYTES
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import Frames, Out, checked_inputs, in_ranges
from rnnedge_runtime.pool._member import Member
from rnnedge_runtime.pool._member_table import MemberTable
from rnnedge_runtime.stream_runner import StreamRunner


class BatchedPool(MemberTable, Generic[Out]):
    """What a `Batcher` shares: a `StreamPool` without the batcher."""

    @alone
    def push(self, frames: Mapping[Member, Frames]) -> dict[Member, Out]:
        """The next frames of some members, each as for `Stream.push`; returns what that would return, for each.

        Raises what `Stream.push` raises, naming the member; all members are then as before the call.
        """
        if self._time_limit_s:
            self._seats.deadline = monotonic() + self._time_limit_s
        # What a thread, or a foreign array, does to the caller's dict meanwhile changes nothing.
        own = dict(frames) if type(frames) is dict else _read(frames)
        found = self._push_together(own)
        return self._push_any(own) if found is None else found  # type: ignore[return-value]

    def plain(self, frames: Frames) -> TypeGuard[Array]:
        """Whether these are frames (time, ...) of the only input, in its shape and dtype."""
        return (
            # A stand-in for an array says of itself that it is one.
            type(frames) is np.ndarray
            and frames.ndim > 0
            and frames.shape[1:] == self._frame_shape
            and frames.nbytes <= MOST_BYTES
            # One that came from another process is equal, and not the same.
            and (frames.dtype is self._dtype or frames.dtype == self._dtype)
            and self._single
        )

    @alone
    def gap(self, member: Member, frames: int) -> Out:
        """As `Stream.gap`, for one member."""
        return self._by_itself(member, lambda stream: stream.gap(frames))  # type: ignore[return-value]

    @alone
    def finish(self, member: Member) -> Out:
        """As `Stream.finish`, for one member; `reset` starts its next sequence, or it may leave."""
        return self._by_itself(member, StreamRunner.finish)  # type: ignore[return-value]

    @alone
    def reset(self, member: Member) -> None:
        """As `Stream.reset`, for one member."""
        self._by_itself(member, StreamRunner.reset)

    @alone
    def set_context(self, member: Member, context: Mapping[str, object]) -> None:
        """As `Stream.set_context`, for one member."""
        self._by_itself(member, lambda stream: stream.set_context(context))

    @alone
    def snapshot(self, member: Member) -> bytes:
        """As `Stream.snapshot`: a `Stream` of the same model can go on with it, and the other way round."""
        return self._by_itself(member, StreamRunner.snapshot)

    @alone
    def restore(self, member: Member, data: bytes, name: str = "snapshot") -> None:
        """As `Stream.restore`, for one member."""
        self._by_itself(member, lambda stream: stream.restore(data, name))

    def _push_together(self, frames: dict[Member, Frames]) -> dict[Member, Frames] | None:
        """One batched call for all of them; None, and nothing was done, where that is not possible."""
        arrays: list[Any] = list(frames.values())
        if not arrays or not self.plain(arrays[0]):
            return None
        shape, dtype = arrays[0].shape, arrays[0].dtype
        if not shape[0] or shape[0] % self.contract.unit:
            return None
        for array in arrays:
            same = array.__class__ is np.ndarray and array.shape == shape
            if not same or (array.dtype is not dtype and array.dtype != dtype):
                return None
        try:
            rows = np.fromiter(map(self._row_of.__getitem__, frames), np.intp, len(arrays))
        except KeyError:
            return None
        if not self._ready[rows].all():
            return None
        batch: Array = np.concatenate(arrays).reshape(len(arrays), *shape)
        if not np.isfinite(batch).all():
            return None
        if self.contract.ranged and not in_ranges({self._name: batch}, self.contract):
            return None
        holding = [member.policies.holds for member in frames] if self._remembers else ()
        self._noted.undo += [partial(self._stand, m, None, m.rest, m.last) for m in compress(frames, holding)]
        found = self._seats.run(rows, {self._name: batch}, self._noted.undo)
        for member, last in compress(zip(frames, batch[:, -1:], strict=True), holding):
            member.last = {self._name: last.copy()}
        return dict(zip(frames, self._each(found, len(arrays)), strict=True))

    def _push_any(self, frames: dict[Member, Frames]) -> dict[Member, Frames]:
        """Members with equally many frames together, and by themselves those that need it."""
        together: dict[int, dict[Member, dict[str, Array]]] = {}
        others: dict[Member, dict[str, Array]] = {}
        rows = np.array([self._row(member) for member in frames], np.intp)
        for member, given in frames.items():
            with member.named():
                arrays = checked_inputs(given, self.contract, 1)
            if not in_ranges(arrays, self.contract):
                # It says which number of which frame.
                self._by_itself(member, partial(StreamRunner.push, frames=arrays))
            finite = all(np.isfinite(array).all() for array in arrays.values())
            if not finite and member.policies.non_finite == "reject":
                self._by_itself(member, partial(StreamRunner.push, frames=arrays))
            if finite and member.aside is None:
                together.setdefault(member.held + _length(arrays), {})[member] = arrays
            else:
                others[member] = arrays
        self._keep(frames, rows)
        found: dict[Member, Frames] = {}
        for total, group in together.items():
            found |= self._push_equal(group, total)
        for member, arrays in others.items():
            self._seats.check_time()
            found[member] = self._by_itself(member, partial(StreamRunner.push, frames=arrays))
        return {member: found[member] for member in frames}

    def _push_equal(self, group: dict[Member, dict[str, Array]], total: int) -> dict[Member, Frames]:
        """Members with states in rows and `total` frames each, those that wait counted: whole calls of them run."""
        whole = total // self.contract.unit * self.contract.unit
        arrays = [{n: np.concatenate([m.rest[n], a[n]]) if m.rest else a[n] for n in a} for m, a in group.items()]
        rows = np.array([self._row_of[member] for member in group], np.intp)
        batch = {port.name: np.stack([a[port.name][:whole] for a in arrays]) for port in self.contract.inputs}
        outputs = self._seats.run(rows, batch, self._noted.undo)
        found = dict(zip(group, self._each(outputs, len(group)), strict=True))
        for member, own in zip(group, arrays, strict=True):
            member.rest = {name: array[whole:].copy() for name, array in own.items()} if whole < total else {}
            if member.policies.holds and total:
                member.last = {name: array[-1:].copy() for name, array in own.items()}
            self._ready[self._row_of[member]] = member.ready
        return found

    def _each(self, outputs: dict[str, Array], count: int) -> list[Frames]:
        """What the member of each of `count` rows gets; a network of summaries alone gives no frame before the end."""
        if len(self.contract.outputs) == 1 and outputs:
            return list(next(iter(outputs.values())))
        return [self._solo.shaped({name: array[i] for name, array in outputs.items()}) for i in range(count)]


def _read(frames: object) -> dict[Member, Frames]:
    """Frames by member, in a dict of their own; raises `InputError` for anything that gives none."""
    try:
        found = dict(frames) if isinstance(frames, Mapping) else None
    # A foreign mapping may raise anything.
    except Exception as error:
        raise InputError(f"pool: push: cannot be read ({type(error).__name__})") from error
    if found is None:
        raise InputError(f"pool: push: expected a dict of members and their frames, found {shown(frames)}")
    return found


def _length(arrays: Mapping[str, Array]) -> int:
    return len(next(iter(arrays.values())))
