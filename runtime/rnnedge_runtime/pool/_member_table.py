"""The members of a pool: who is where, and what undoes a call that changed it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from typing import Any, TypeVar

import numpy as np

from rnnedge_runtime._exclusive import Alone, alone
from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime._snapshot import Snapshot
from rnnedge_runtime.arguments import instance, text
from rnnedge_runtime.context import check_complete
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.faults import Event, Gap, Log, NonFinite, Policies
from rnnedge_runtime.pool._batch_coupling import order_of
from rnnedge_runtime.pool._member import Member
from rnnedge_runtime.pool._slots import Seats, Undo
from rnnedge_runtime.stream_runner import StreamRunner

T = TypeVar("T")


class _Changes:
    """What a call in progress has changed; the frames of a pool are those of its members."""

    frames = 0

    def __init__(self) -> None:
        self.undo: Undo = []


class MemberTable(Alone):
    """Members join and leave; each stands in a row of `Slots`, or, if it cannot share a call, by itself."""

    _kind = "pool"
    _remedy = "share it through a Batcher"
    _elsewhere = (
        "make one of the same file there, by load(path) in each process, and restore the snapshot of each member"
    )

    def __init__(
        self, loaded: LoadedModel, capacity: int, on_event: Callable[[Event], None] | None, time_limit_s: float | None
    ) -> None:
        """Used by `Model.pool`."""
        instance(loaded, "StreamPool", LoadedModel, remedy="make one with load(path).pool(capacity)")
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
        self._solo = StreamRunner(loaded, 1, {}, policies)
        self._fresh = self._solo.place()
        self._row_of: dict[Member, int] = {}
        self._free = list(range(capacity))[::-1]
        # `Member.ready` of every row.
        self._ready = np.zeros(capacity, bool)
        # Whether there was ever a member with a policy that holds its last frame.
        self._remembers = False
        self._gone: Counter[str] = Counter()
        self._numbers = count()
        port = self.contract.inputs[0]
        self._name, self._single = port.name, len(self.contract.inputs) == 1
        self._frame_shape, self._dtype = tuple(int(d) for d in port.frame_shape), np.dtype(port.dtype)

    def __repr__(self) -> str:
        """One line: the file, its inputs and outputs, how full it is."""
        from rnnedge_runtime.describe import in_a_line

        members = f"{len(self._row_of)} of {self.capacity} members"
        return f"<rnnedge StreamPool of {self._loaded.name!r}: {in_a_line(self.contract)}; {members}>"

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
        context: Mapping[str, object] | None = None,
    ) -> Member:
        """Start a sequence; `name` is how messages call it.

        `context`: its own values of what the network takes per sequence, as for `Model.stream`.
        `non_finite`, `gap` and `on_event` are those of `Model.stream`, for this sequence alone.
        Raises `InputError` where the pool is full.
        """
        text(name, "pool: name")
        policies = Policies(non_finite, gap, on_event, self._time_limit_s)
        check_complete(context, None, self._loaded, "pool: join")
        if not self._free:
            raise InputError(f"pool: full, it has {self.capacity} members; let one leave, or make a larger one")
        row = self._free[-1]
        member = Member(name or f"member {row}", policies, self._fresh, next(self._numbers))
        self._noted.undo.append(partial(self._unjoin, member, row))
        self._free.pop()
        self._row_of[member] = row
        self._remembers = self._remembers or policies.holds
        self._by_itself(member, StreamRunner.reset)
        if context is not None:
            self._by_itself(member, lambda stream: stream.set_context(context))
        return member

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

    def _by_itself(self, member: Member, action: Callable[[StreamRunner], T]) -> T:
        """Do what a `Stream` does where the member stands, under its own policies."""
        row, stream = self._row(member), self._solo
        self._noted.undo.append(member.log.keep())
        stream.serve(member.policies, member.log)
        stream.stand_at(member.aside or self._standing(member, row))
        with member.named():
            found = action(stream)
        standing = stream.place()
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
        self._by_itself(member, lambda stream: stream.stand_at(place))

    def _standing(self, member: Member, row: int) -> Snapshot:
        """Where a member with states in a row stands."""
        arrays = self._seats.read(row)
        arrays |= {f"rest:{name}": array for name, array in member.rest.items()}
        arrays |= {f"last:{name}": array for name, array in member.last.items()}
        fields = {"frames": int(self._seats.fed[row]) + member.held, "calls": self.contract.warmup}
        skip = [0 for port in self.contract.outputs if port.per_frame]
        return self._fresh._replace(fields={**self._fresh.fields, **fields, "skip": skip}, arrays=arrays)

    def _row(self, member: Member) -> int:
        row = self._row_of.get(instance(member, "pool: member", Member, remedy="use one that join gave"))
        if row is None:
            raise InputError(f"pool: {member!r} is no member: it has left, or belongs to another pool")
        return row


def _behind(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
