"""Batched calls over some of many sequences: whose states are where, and how they get there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import monotonic

import numpy as np

from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime._memory import bulk, most_frames, too_many
from rnnedge_runtime._undo import Runner
from rnnedge_runtime.contract import Array, Port
from rnnedge_runtime.errors import Stalled
from rnnedge_runtime.faults import Log, Policies
from rnnedge_runtime.pool._batched_call import Group, Groups
from rnnedge_runtime.pool._state_table import Order, Rows

# Pieces of all sequences together that one call takes: what keeps intermediate values in the tens of megabytes.
_CALL_PIECES = 16

Undo = list[Callable[[], object]]
"""What to do, the last one first, so that a call of a pool has not happened; each may be done twice."""


@dataclass(frozen=True)
class Kept:
    """Some rows as they were."""

    rows: Array
    standing: dict[str, Array]
    fed: Array


class Seats:
    """The states of `capacity` sequences in rows, and of those that ran last in the buffers of a call.

    As long as the same rows run, their states stay in the buffers and nothing is copied. `fed` counts the frames that
    each row has run, int64 (capacity,).
    """

    def __init__(self, loaded: LoadedModel, capacity: int, order: Order, policies: Policies, log: Log) -> None:
        """Used by a pool."""
        self.contract = loaded.calls
        self.fed = np.zeros(capacity, np.int64)
        self._rows = Rows(self.contract, capacity, order)
        self._groups = Groups(loaded, order, policies, log)
        self._seated: Group | None = None
        self._room = loaded.room
        # When the time of the push in progress is up, by `time.monotonic`; None: it has no limit.
        self.deadline: float | None = None
        # `_most_of` by count.
        self._most: dict[int, tuple[int, int | None]] = {}

    def read(self, row: int) -> dict[str, Array]:
        """Where a row stands, as arrays of a snapshot."""
        if self._seated is not None:
            self._seated.show(row, self._rows)
        return self._rows.read(row)

    def write(self, row: int, arrays: Mapping[str, Array], fed: int) -> None:
        """The opposite of `read`; `fed` frames were run."""
        self._empty()
        self._rows.write(row, arrays)
        self.fed[row] = fed

    def keep(self, rows: Array) -> Kept:
        """What `put_back` needs."""
        self._empty()
        return Kept(rows, self._rows.copy(rows), self.fed[rows])

    def put_back(self, kept: Kept) -> None:
        """Undo what ran since `keep`; other rows have not moved."""
        self._seated = None
        self._rows.scatter(kept.rows, kept.standing)
        self.fed[kept.rows] = kept.fed

    def run(self, rows: Array, arrays: dict[str, Array], undo: Undo) -> dict[str, Array]:
        """Run frames (len(rows), time, ...) by input name, whole calls only.

        Returns per-frame outputs (len(rows), time, ...) by name; summaries stay in the rows.
        """
        total = next(iter(arrays.values())).shape[1]
        most, limit = self._most.get(len(rows)) or self._most_of(len(rows))
        if limit is not None and total > limit:
            remedy = f"push at most {limit:,} at a time to so many members"
            raise too_many("push", total, self.contract, len(rows), self._room, remedy)
        if 0 < total <= most:
            return self._call(rows, arrays, undo)
        parts = [{p.name: _no_frames(p, len(rows)) for p in self.contract.outputs if p.per_frame}]
        undo.append(partial(self.put_back, self.keep(rows)))
        for start in range(0, total, most):
            parts.append(self._call(rows, {name: a[:, start : start + most] for name, a in arrays.items()}, undo))
        return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}

    def _most_of(self, count: int) -> tuple[int, int | None]:
        """Frames of one call of `count` sequences, and of one push; None: any number."""
        contract, room = self.contract, self._room
        most = contract.unit if contract.chunk else bulk(contract, count, room, _CALL_PIECES * contract.piece // count)
        found = self._most[count] = most, most_frames(contract, count, room)
        return found

    def check_time(self) -> None:
        """Raise `Stalled` where the time of the push in progress is up."""
        if self.deadline is not None and monotonic() > self.deadline:
            raise Stalled(
                "pool: a push took longer than its time limit, in several calls; the members are as before it"
            )

    def _call(self, rows: Array, arrays: dict[str, Array], undo: Undo) -> dict[str, Array]:
        if self.deadline is not None:
            self.check_time()
        group = self._seat(rows)
        fed = self.fed[rows]
        undo.append(partial(self._undo_call, group, rows, fed, *group.before_run()))
        outputs = group.run(arrays, int(fed.min()))
        if self.contract.summaries:
            found = {f"summary:{p.name}": outputs.pop(p.name) for p in self.contract.summaries}
            undo.append(partial(self._rows.scatter, rows, self._rows.copy(rows, found)))
            self._rows.scatter(rows, found)
        self.fed[rows] = fed + next(iter(arrays.values())).shape[1]
        return outputs

    def _undo_call(self, group: Group, rows: Array, fed: Array, turn: int, ran: int, runner: Runner) -> None:
        group.undo_run(turn, ran, runner)
        self.fed[rows] = fed

    def _seat(self, rows: Array) -> Group:
        """The group in whose buffers the states of `rows` are."""
        seated = self._seated
        if seated is None or not np.array_equal(seated.rows, rows):
            self._empty()
            seated = self._groups.of(len(rows))
            seated.seat(rows, self._rows)
            # Not before: until then the states are where they were.
            self._seated = seated
        return seated

    def _empty(self) -> None:
        """All states are in their rows."""
        if self._seated is not None:
            self._seated.leave(self._rows)
            self._seated = None


def _no_frames(port: Port, count: int) -> Array:
    return np.empty((count, 0, *(int(d) for d in port.frame_shape)), port.dtype)
