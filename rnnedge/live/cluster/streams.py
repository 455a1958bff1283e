"""Streams of a program on the replicas of a cluster: each stays on one, and goes on elsewhere if that dies."""

from __future__ import annotations

import hashlib
import os
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rnnedge.live.cluster.keeper import Keeper, unwrapped
from rnnedge.live.cluster.replica import Replica
from rnnedge.live.cluster.stream import ClusterStream, ReplicaGone
from rnnedge.live.server.options import ServeOptions
from rnnedge.live.server.tables import check_served
from rnnedge_runtime import load
from rnnedge_runtime.arguments import integer
from rnnedge_runtime.errors import InputError, MissingExtra


class ClusterStreams:
    """Replicas of one model, each a pool in a process of the Ray cluster that this program is connected to.

    `least` replicas run always, `most` at most: another one is begun when all have four fifths of the streams that
    they take on, `options.streams`, for which `rnnedge bench --streams` is the measure; one without streams ends.
    Snapshots are taken every `options.snapshot_s` (a second if it is 0), and held by a process that runs no model. May
    be used by several threads.
    """

    def __init__(
        self,
        file: str | os.PathLike[str],
        *,
        least: int = 2,
        most: int | None = None,
        options: ServeOptions | None = None,
        how: Mapping[str, Any] | None = None,
    ) -> None:
        """`how` is passed to `load`. Raises `ModelRefused` as `load`, `MissingExtra` without Ray, `InputError`."""
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        try:
            import ray
        except ImportError as error:
            raise MissingExtra("ClusterStreams needs Ray; install it with: pip install 'rnnedge[ray]'") from error
        if not ray.is_initialized():
            raise InputError("ClusterStreams: expected ray.init(...) before")
        self._least = integer(least, "ClusterStreams: least", 1)
        self._most = integer(self._least if most is None else most, "ClusterStreams: most", self._least)
        given = options or ServeOptions()
        self._options = given if given.snapshot_s else ServeOptions(**{**vars(given), "snapshot_s": 1.0})
        self._ray: Any = ray
        self._file, self._how = Path(file).read_bytes(), dict(how or {})
        contract = load(self._file, **self._how).contract
        check_served(contract, str(file))
        self.port = contract.inputs[0]
        # Of a frame; without a rate, frames are a second apart.
        self.period_s = 1 / (contract.frame_rate_hz or 1.0)
        self._keeper = self._ray.remote(num_cpus=0, max_concurrency=1000)(Keeper).remote(
            given.keep_s, given.streams * self._most
        )
        self._lock = threading.RLock()
        self._replicas: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        self._begun: dict[str, Any] = {}
        for _ in range(self._least):
            self._begin()
        ray.get([*self._begun.values()])

    def __enter__(self) -> ClusterStreams:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def replicas(self) -> int:
        """How many there are."""
        return len(self._replicas)

    def open(self, name: str, resume: bool = False) -> ClusterStream:
        """A stream; with `resume` it goes on where one of this name stood. Raises `InputError` if there is no room."""
        replica, expected = self.place(name, resume)
        return ClusterStream(self, name, replica, expected)

    def place(self, name: str, resume: bool, heard: int | None = None) -> tuple[str, int | None]:
        """Open the stream on the replica that its name chooses, or the next one with room; what it expects.

        That is `heard` at most, if it is not None: the first frame that was not answered.
        """
        refused: InputError | None = None
        for replica in self._order(name):
            # Counted before it is asked: without streams it would be ended meanwhile.
            self._count(replica, 1)
            try:
                expected = self.call(replica, "open", name, resume, heard)
            except ReplicaGone:
                return self.place(name, resume, heard)
            except Exception as error:
                self._count(replica, -1)
                if not isinstance(error, InputError) or "full" not in str(error):
                    raise
                refused = error
            else:
                with self._lock:
                    self._grow()
                return replica, expected
        raise refused or InputError("ClusterStreams: closed")

    def left(self, replica: str, ended: str = "") -> None:
        """A stream has left it; `ended`: its name, if that is to be forgotten."""
        if ended:
            self._keeper.forget.remote(ended)
        with self._lock:
            if replica not in self._replicas:
                return
            self._counts[replica] -= 1
            if not self._counts[replica] and len(self._replicas) > self._least:
                self._ray.kill(self._replicas.pop(replica))
                del self._counts[replica], self._begun[replica]

    def call(self, replica: str, method: str, *given: Any) -> Any:
        """What a method of a replica returns. Raises `ReplicaGone` if it died, what it raises otherwise."""
        actor = self._replicas.get(replica)
        if actor is None:
            raise ReplicaGone(replica)
        try:
            return self._ray.get(getattr(actor, method).remote(*given))
        except self._ray.exceptions.RayTaskError as error:
            raise unwrapped(error) from None
        except self._ray.exceptions.RayActorError as error:
            self._gone(replica)
            raise ReplicaGone(replica) from error

    def close(self) -> None:
        """End all replicas; what they held is forgotten."""
        with self._lock:
            for actor in (*self._replicas.values(), self._keeper):
                self._ray.kill(actor)
            self._replicas.clear()
            self._begun.clear()

    def _order(self, name: str) -> list[str]:
        """Replicas by how well they fit the name (rendezvous hashing): another one takes few streams from each.

        Those that are still being started come last: a process takes seconds.
        """
        with self._lock:
            begun, _ = self._ray.wait([*self._begun.values()], num_returns=len(self._begun), timeout=0)
            late = {one for one, reference in self._begun.items() if reference not in begun}
            key = lambda one: (one in late, hashlib.blake2b(f"{one} {name}".encode()).digest())  # noqa: E731
            return sorted(self._replicas, key=key)

    def _count(self, replica: str, more: int) -> None:
        with self._lock:
            if replica in self._counts:
                self._counts[replica] += more

    def _begin(self) -> None:
        name = uuid.uuid4().hex
        actor = self._ray.remote(num_cpus=1, max_concurrency=10_000)(Replica).remote(
            self._file, self._how, self._options, self._keeper, name
        )
        self._replicas[name], self._counts[name], self._begun[name] = actor, 0, actor.begin.remote()

    def _grow(self) -> None:
        room = self._options.streams * len(self._replicas)
        if len(self._replicas) < self._most and sum(self._counts.values()) * 5 >= room * 4:
            self._begin()

    def _gone(self, replica: str) -> None:
        """Its names are free, and another one takes its place; the streams do not wait for that if there are others."""
        with self._lock:
            if (actor := self._replicas.pop(replica, None)) is None:
                return
            # One that is only out of reach must not go on with them.
            self._ray.kill(actor)
            del self._counts[replica], self._begun[replica]
            self._ray.get(self._keeper.give_up.remote(replica))
            if len(self._replicas) < self._least:
                self._begin()
