"""Many sequences of one model, of which those that have frames advance in one batched call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

import numpy as np

from rnnedge_runtime._exclusive import Alone, alone
from rnnedge_runtime._loaded_model import Loaded
from rnnedge_runtime._snapshot import Snapshot
from rnnedge_runtime.arguments import instance, shown, text
from rnnedge_runtime.arrays import MOST_BYTES
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.faults import Event, Gap, Log, NonFinite, Policies
from rnnedge_runtime.frames import Frames, checked_inputs
from rnnedge_runtime.pool._batch_coupling import order_of
from rnnedge_runtime.pool._member import Member
from rnnedge_runtime.pool._slots import Seats, Undo
from rnnedge_runtime.stream import Stream

if TYPE_CHECKING:
    from rnnedge_runtime.pool._batcher import Batcher
    from rnnedge_runtime.pool._request import Full

T = TypeVar("T")


class _Changes:
    """What a call in progress has changed; the frames of a pool are those of its members."""

    frames = 0

    def __init__(self) -> None:
        self.undo: Undo = []


class StreamPool(Alone):
    """Many sequences of one model; created by `Model.pool`, used by one owner; a `Batcher` shares it.

    Members join and leave at any time. Each gets what it would get from a `Stream` of its own, whatever its neighbours
    do. Those to which a `push` gives equally many frames run together. Where a member does something else, its first
    calls in a network with a delay, a fault, its end, it runs by itself. `batched` is False, and every member runs by
    itself, where the file couples the sequences of a batch: frame numbers, or quantization over the whole batch.
    """

    _kind = "pool"
    _remedy = "share it through a Batcher"
    _elsewhere = (
        "make one of the same file there, by load(path) in each process, and restore the snapshot of each member"
    )

    def __init__(
        self, loaded: Loaded, capacity: int, on_event: Callable[[Event], None] | None, time_limit_s: float | None
    ) -> None:
        """Used by `Model.pool`."""
        super().__init__()
        self.contract, self.capacity = loaded.contract, capacity
        policies = Policies(on_event=on_event, time_limit_s=time_limit_s)
        self._loaded, self._time_limit_s = loaded, time_limit_s
        self._log = Log(on_event)
        order = order_of(loaded)
        self.batched = order is not None
        # Without an order any will do, because no two rows meet in a call.
        order = order or {state.input: True for state in self.contract.states}
        self._seats = Seats(loaded, capacity, order, policies, self._log)
        # Runs whatever is no batched call: one member at a time.
        self._solo = Stream(loaded, 1, {}, policies)
        self._fresh = self._solo._kept()
        self._row_of: dict[Member, int] = {}
        self._free = list(range(capacity))[::-1]
        # `Member.ready` of every row.
        self._ready = np.zeros(capacity, bool)
        self._gone: Counter[str] = Counter()
        self._numbers = count()
        port = self.contract.inputs[0]
        self._name, self._single = port.name, len(self.contract.inputs) == 1
        self._frame_shape, self._dtype = tuple(int(d) for d in port.frame_shape), np.dtype(port.dtype)

    def __repr__(self) -> str:
        return f"<rnnedge StreamPool of {self._loaded.name!r}, {len(self._row_of)} of {self.capacity} members>"

    def __len__(self) -> int:
        """How many members there are."""
        return len(self._row_of)

    @property
    def members(self) -> tuple[Member, ...]:
        """Those that have joined and not left, in the order in which they came."""
        return tuple(sorted(self._row_of, key=lambda member: member.number))

    @property
    def counters(self) -> Counter[str]:
        """How many frames each kind of `Event` has concerned, over all members there ever were."""
        return sum((member.log.counters for member in self._row_of), self._gone + self._log.counters)

    @alone
    def join(
        self,
        name: str = "",
        *,
        non_finite: NonFinite = "reject",
        gap: Gap = "reset",
        on_event: Callable[[Event], None] | None = None,
    ) -> Member:
        """Start a sequence; `name` is how messages call it.

        `non_finite`, `gap` and `on_event` are those of `Model.stream`, for this sequence alone.
        Raises `InputError` where the pool is full.
        """
        text(name, "pool: name")
        policies = Policies(non_finite, gap, on_event, self._time_limit_s)
        if not self._free:
            raise InputError(f"pool: full, it has {self.capacity} members; let one leave, or make a larger one")
        row = self._free[-1]
        member = Member(name or f"member {row}", policies, self._fresh, next(self._numbers))
        self._noted.undo.append(partial(self._unjoin, member, row))
        self._free.pop()
        self._row_of[member] = row
        self._by_itself(member, Stream.reset)
        return member

    def batcher(self, max_wait_s: float = 0.005, *, queue: int = 4, full: Full = "block") -> Batcher:
        """Share the pool among threads and tasks: requests wait up to `max_wait_s` seconds to be batched.

        Of each member at most `queue` pushes wait; what a further one does is `full`: "block" waits for room,
        "drop-oldest" drops the one that waits longest, "drop-newest" itself. Raises `InputError` for bad settings.
        """
        from rnnedge_runtime.pool._batcher import Batcher

        return Batcher(self, max_wait_s, queue, full)

    @alone
    def leave(self, member: Member) -> None:
        """End a sequence; its place is free for another member."""
        row = self._row(member)
        self._noted.undo.append(partial(self._rejoin, member, row, self._gone))
        self._gone = self._gone + member.log.counters
        self._ready[row] = False
        self._free.append(row)
        del self._row_of[member]

    def frames(self, member: Member) -> int:
        """How many frames were pushed to a member since the start or its last reset."""
        row = self._row(member)
        return int(member.aside.fields["frames"]) if member.aside else int(self._seats.fed[row]) + member.held

    @alone
    def push(self, frames: Mapping[Member, Frames]) -> dict[Member, Frames]:
        """The next frames of some members, each as for `Stream.push`; returns what that would return, for each.

        Raises what `Stream.push` raises, naming the member; all members are then as before the call.
        """
        if self._time_limit_s:
            self._seats.deadline = monotonic() + self._time_limit_s
        found = self._push_together(frames)
        return self._push_any(frames) if found is None else found

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
    def gap(self, member: Member, frames: int) -> Frames:
        """As `Stream.gap`, for one member."""
        return self._by_itself(member, lambda stream: stream.gap(frames))

    @alone
    def finish(self, member: Member) -> Frames:
        """As `Stream.finish`, for one member; `reset` starts its next sequence, or it may leave."""
        return self._by_itself(member, Stream.finish)

    @alone
    def reset(self, member: Member) -> None:
        """As `Stream.reset`, for one member."""
        self._by_itself(member, Stream.reset)

    @alone
    def snapshot(self, member: Member) -> bytes:
        """As `Stream.snapshot`: a `Stream` of the same model can go on with it, and the other way round."""
        return self._by_itself(member, Stream.snapshot)

    @alone
    def restore(self, member: Member, data: bytes, name: str = "snapshot") -> None:
        """As `Stream.restore`, for one member."""
        self._by_itself(member, lambda stream: stream.restore(data, name))

    def _push_together(self, frames: Mapping[Member, Frames]) -> dict[Member, Frames] | None:
        """One batched call for all of them; None, and nothing was done, where that is not possible."""
        if not isinstance(frames, dict):
            return None
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
        return dict(zip(frames, self._each(self._seats.run(rows, {self._name: batch}, self._noted.undo)), strict=True))

    def _note(self) -> _Changes:
        return _Changes()

    def _note_of_none(self) -> None:
        return None

    def _put_back(self, note: _Changes) -> None:
        for change in reversed(note.undo):
            change()

    def _unjoin(self, member: Member, row: int) -> None:
        self._row_of.pop(member, None)
        if row not in self._free[-1:]:
            self._free.append(row)

    def _rejoin(self, member: Member, row: int, gone: Counter[str]) -> None:
        self._gone, self._row_of[member], self._ready[row] = gone, row, member.ready
        if row in self._free[-1:]:
            self._free.pop()

    def _keep(self, members: Mapping[Member, Any], rows: Array) -> None:
        """Let members stand where they do, if the call in progress has to be undone."""
        undo = self._noted.undo
        undo += [partial(self._stand, member, member.aside, member.rest, member.last) for member in members]
        undo.append(partial(self._seats.put_back, self._seats.keep(rows)))

    def _stand(self, member: Member, *stood: Any) -> None:
        member.aside, member.rest, member.last = stood
        self._ready[self._row_of[member]] = member.ready

    def _push_any(self, frames: Mapping[Member, Frames]) -> dict[Member, Frames]:
        """Members with equally many frames together, and by themselves those that need it."""
        if not isinstance(frames, Mapping):
            raise InputError(f"pool: push: expected a dict of members and their frames, found {shown(frames)}")
        together: dict[int, dict[Member, dict[str, Array]]] = {}
        others: dict[Member, dict[str, Array]] = {}
        rows = np.array([self._row(member) for member in frames], np.intp)
        for member, given in frames.items():
            with member.named():
                arrays = checked_inputs(given, self.contract, 1)
            finite = all(np.isfinite(array).all() for array in arrays.values())
            if not finite and member.policies.non_finite == "reject":
                self._by_itself(member, partial(Stream.push, frames=arrays))
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
            found[member] = self._by_itself(member, partial(Stream.push, frames=arrays))
        return {member: found[member] for member in frames}

    def _push_equal(self, group: dict[Member, dict[str, Array]], total: int) -> dict[Member, Frames]:
        """Members with states in rows and `total` frames each, those that wait counted: whole calls of them run."""
        whole = total // self.contract.unit * self.contract.unit
        arrays = [{n: np.concatenate([m.rest[n], a[n]]) if m.rest else a[n] for n in a} for m, a in group.items()]
        rows = np.array([self._row_of[member] for member in group], np.intp)
        batch = {port.name: np.stack([a[port.name][:whole] for a in arrays]) for port in self.contract.inputs}
        found = dict(zip(group, self._each(self._seats.run(rows, batch, self._noted.undo)), strict=True))
        for member, own in zip(group, arrays, strict=True):
            member.rest = {name: array[whole:].copy() for name, array in own.items()} if whole < total else {}
            if member.policies.holds and total:
                member.last = {name: array[-1:].copy() for name, array in own.items()}
            self._ready[self._row_of[member]] = member.ready
        return found

    def _each(self, outputs: dict[str, Array]) -> list[Frames]:
        """What every row's member gets."""
        if len(self.contract.outputs) == 1 and outputs:
            return list(next(iter(outputs.values())))
        count = len(next(iter(outputs.values()))) if outputs else 0
        return [self._solo._shaped({name: array[i] for name, array in outputs.items()}) for i in range(count)]

    def _by_itself(self, member: Member, action: Callable[[Stream], T]) -> T:
        """Do what a `Stream` does where the member stands, under its own policies."""
        row, stream = self._row(member), self._solo
        stream._serve(member.policies, member.log)
        stream._put(member.aside or self._standing(member, row))
        with member.named():
            found = action(stream)
        standing = stream._kept()
        self._keep({member: None}, np.array([row]))
        frames, calls = standing.fields["frames"], standing.fields["calls"]
        if self.batched and calls >= self.contract.warmup and not standing.fields["finished"]:
            member.rest, member.last = (_behind(prefix, standing.arrays) for prefix in ("rest:", "last:"))
            member.aside = None
            self._seats.write(row, standing.arrays, frames - member.held)
        else:
            member.aside = standing
        self._ready[row] = member.ready
        return found

    @alone
    def _place(self, member: Member) -> Snapshot:
        """Where a member stands, for `_stand_at`."""
        return member.aside or self._standing(member, self._row(member))

    @alone
    def _stand_at(self, member: Member, place: Snapshot) -> None:
        self._by_itself(member, lambda stream: stream._put(place))

    def _standing(self, member: Member, row: int) -> Snapshot:
        """Where a member with states in a row stands."""
        arrays = self._seats.read(row)
        arrays |= {f"rest:{name}": array for name, array in member.rest.items()}
        arrays |= {f"last:{name}": array for name, array in member.last.items()}
        fields = {"frames": int(self._seats.fed[row]) + member.held, "calls": self.contract.warmup}
        skip = [0 for port in self.contract.outputs if port.per_frame]
        return replace(self._fresh, fields={**self._fresh.fields, **fields, "skip": skip}, arrays=arrays)

    def _row(self, member: Member) -> int:
        row = self._row_of.get(instance(member, "pool: member", Member, remedy="use one that join gave"))
        if row is None:
            raise InputError(f"pool: {member!r} is no member: it has left, or belongs to another pool")
        return row


def _length(arrays: Mapping[str, Array]) -> int:
    return len(next(iter(arrays.values())))


def _behind(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
