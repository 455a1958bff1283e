"""One stream of a cluster, as its program sees it: frames in, outputs out, each once, whatever dies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol

from rnnedge.live.session import Outputs
from rnnedge.live.stores.store import NothingKept
from rnnedge_runtime.contract import Array, Port
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import checked


class ReplicaGone(Exception):
    """A process of the cluster has died, and no more is asked of it."""


class Places(Protocol):
    """What `ClusterStreams` does for its streams."""

    port: Port
    period_s: float

    def place(self, name: str, resume: bool, heard: int | None = None) -> tuple[str, int | None]:
        """Open it somewhere; the replica, and what it expects, `heard` at most if that is not None."""

    def call(self, replica: str, method: str, *given: Any) -> Any:
        """What a method of a replica returns."""

    def left(self, replica: str, ended: str = "") -> None:
        """A stream has left it; `ended`: its name, if that is to be forgotten."""


class ClusterStream:
    """Made by `ClusterStreams.open`, used by one thread. `expected` is the number of its next frame.

    It holds the frames that no snapshot has yet: a replica that goes on from an older one gets them again, and what was
    given before is not given twice.
    """

    def __init__(self, places: Places, name: str, replica: str, expected: int | None) -> None:
        self._places, self.name, self._replica = places, name, replica
        self.expected = self._heard = self._begin = expected or 0
        self._unkept: list[tuple[int, Array]] = []
        self._given: dict[str, int] = {}
        self._over = False

    def push(self, frames: Array) -> list[Outputs]:
        """What became computable with `frames` (time, ...). Raises `InputError` for what is no frame, or too late."""
        self._check_open()
        given, first = checked(frames, self._places.port, 1).copy(), self.expected
        if not len(given):
            return []
        self._unkept.append((first, given))
        self.expected += len(given)
        return self._once(self._run(first, given))

    def finish(self) -> list[Outputs]:
        """What only the end completes."""
        self._check_open()
        found = self._once(self._run(self.expected, None))
        self._over = True
        self._places.left(self._replica, self.name)
        return found

    def close(self) -> None:
        """Leave it to whom opens the name again with `resume`; nothing after the end."""
        if self._over:
            return
        self._over = True
        try:
            self._places.call(self._replica, "close", self.name)
        except ReplicaGone:
            # It stands where its latest snapshot was.
            return
        self._places.left(self._replica)

    def _check_open(self) -> None:
        if self._over:
            raise InputError(f"stream {self.name!r}: has ended; open it again")

    def _run(self, first: int, frames: Array | None) -> list[Outputs]:
        try:
            return self._send(first, frames)
        except ReplicaGone:
            return self._go_on(ended=frames is None)

    def _send(self, first: int, frames: Array | None) -> list[Outputs]:
        time_s = first * self._places.period_s
        found, kept = self._places.call(self._replica, "push", self.name, first, time_s, frames)
        if frames is not None:
            self._heard = max(self._heard, first + len(frames))
        self._unkept = [(at, one) for at, one in self._unkept if at + len(one) > kept]
        return list(found)

    def _go_on(self, ended: bool) -> list[Outputs]:
        """On another replica, from the latest snapshot, or from the beginning if there was none."""
        while True:
            try:
                try:
                    self._replica, _ = self._places.place(self.name, True, self._heard)
                except NothingKept:
                    if self._begin != (self._unkept[0][0] if self._unkept else self.expected):
                        raise
                    self._replica, _ = self._places.place(self.name, False)
                found: list[Outputs] = []
                # Frames that the snapshot has are cut off there.
                for first, frames in [*self._unkept]:
                    found += self._send(first, frames)
                return found + (self._send(self.expected, None) if ended else [])
            except ReplicaGone:
                continue

    def _once(self, found: Iterable[Outputs]) -> list[Outputs]:
        """Without what was given before."""
        fresh = []
        for one in found:
            new = one.frames > self._given.get(one.name, -1)
            if new.any():
                self._given[one.name] = int(one.frames[-1])
                fresh.append(replace(one, frames=one.frames[new], times_s=one.times_s[new], values=one.values[new]))
        return fresh
