"""One sequence of a pool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rnnedge_runtime._exclusive import StaysHere
from rnnedge_runtime._snapshot import Snapshot
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.faults import Log, Policies


class Member(StaysHere):
    """Stands for one sequence of a pool; made by `StreamPool.join`, a key of what `StreamPool.push` takes and returns.

    Its states are a row of the pool, but for its first calls and its end: then `aside` is where it stands. `rest` are
    frames that wait for a whole call, `last` is the frame that a policy holds. None of them is changed in place.
    """

    _kind = "member"
    _elsewhere = "restore its snapshot in a pool of the same file there"

    def __init__(self, name: str, policies: Policies, aside: Snapshot, number: int) -> None:
        """Used by a pool, which has given numbers to `number` members before."""
        self.number = number
        self.name, self.policies, self.log = name, policies, Log(policies.on_event)
        self.aside: Snapshot | None = aside
        self.rest: dict[str, Array] = {}
        self.last: dict[str, Array] = {}

    @property
    def counters(self) -> Counter[str]:
        """How many frames each kind of `Event` has concerned."""
        return self.log.counters

    @property
    def held(self) -> int:
        """How many frames wait for a whole call, while the states are in a row."""
        return len(next(iter(self.rest.values()))) if self.rest else 0

    @property
    def ready(self) -> bool:
        """Whether whole calls of finite frames need nothing but the states in the row."""
        return self.aside is None and not self.rest

    @contextmanager
    def named(self) -> Iterator[None]:
        """Bad input is this member's."""
        try:
            yield
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from error

    def __repr__(self) -> str:
        return f"<rnnedge Member {self.name!r}>"
