"""Streams on the replicas of a cluster: each frame is answered once and exactly, whatever dies and whenever."""

from __future__ import annotations

import asyncio
import random
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("prometheus_client", reason="needs prometheus-client")

from rnnedge.live.cluster import ClusterStreams
from rnnedge.live.cluster.keeper import Keeper
from rnnedge.live.cluster.replica import Replica
from rnnedge.live.cluster.stream import ClusterStream, ReplicaGone
from rnnedge.live.server import ServeOptions
from rnnedge.live.session import Outputs
from rnnedge.live.stores.store import NothingKept
from rnnedge_runtime import Model, load
from rnnedge_runtime.errors import InputError, MissingExtra

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
X = np.random.default_rng(0).standard_normal((400, 4)).astype(np.float32)
OPTIONS = ServeOptions(tick_s=0.0, snapshot_s=0.005)


class Here:
    """A keeper and one replica at a time in a thread of this process; each call may find that it died, or kill it."""

    period_s = 0.01
    port = load(GOLDEN).contract.inputs[0]

    def __init__(self, seed: int) -> None:
        self._random, self._loop = random.Random(seed), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._keeper = Keeper(60, 100)
        self.deaths, self._count, self._replicas = 0, 0, dict[str, Replica]()
        self._begin()

    def place(self, name: str, resume: bool, heard: int | None = None) -> tuple[str, int | None]:
        """On the only one."""
        (replica,) = self._replicas
        return replica, self.call(replica, "open", name, resume, heard)

    def call(self, replica: str, method: str, *given: Any) -> Any:
        """What it returns; its answer may be lost with it."""
        if replica not in self._replicas:
            raise ReplicaGone(replica)
        dies = self._random.choices(("no", "before", "after"), (90, 5, 5))[0]
        if dies != "before":
            found = self._run(getattr(self._replicas[replica], method)(*given))
        if dies == "no":
            return found
        self.deaths += 1
        self._end(replica)
        self._run(self._keeper.give_up(replica))
        self._begin()
        raise ReplicaGone(replica)

    def left(self, replica: str, ended: str = "") -> None:
        """Nobody counts."""
        self._run(self._keeper.forget(ended))

    def close(self) -> None:
        """End it."""
        for one in [*self._replicas]:
            self._end(one)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _begin(self) -> None:
        self._count += 1
        name = str(self._count)
        asked = {way: SimpleNamespace(remote=getattr(self._keeper, way)) for way in ("claim", "put", "free")}
        self._replicas[name] = Replica(GOLDEN.read_bytes(), {}, OPTIONS, SimpleNamespace(**asked), name)
        self._run(self._replicas[name].begin())

    def _end(self, name: str) -> None:
        replica = self._replicas.pop(name)

        async def end() -> None:
            for task in replica._tasks:
                # It would end this process.
                task.remove_done_callback(replica.ended)
                task.cancel()

        self._run(end())
        replica._hub.close()

    def _run(self, call: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result(60)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 20))])
def test_every_frame_is_answered_once(gru: Model, seed: int) -> None:
    """Replicas die before a push, and with its answer; snapshots are older, or there is none."""
    here, sizes = Here(seed), random.Random(seed)
    stream, found, at = ClusterStream(here, "door", *opened(here, "door")), list[Outputs](), 0
    while at < len(X):
        size = sizes.randint(1, 12)
        found += stream.push(X[at : at + size])
        at += size
    found += stream.finish()
    here.close()
    assert here.deaths > 1
    np.testing.assert_array_equal(np.concatenate([one.frames for one in found]), np.arange(len(X)))
    np.testing.assert_allclose(np.concatenate([one.times_s for one in found]), np.arange(len(X)) / 100, atol=1e-9)
    np.testing.assert_allclose(np.concatenate([one.values for one in found]), gru.stream().push(X), atol=1e-6)


def opened(here: Here, name: str) -> tuple[str, int | None]:
    """Placed, however often a replica dies of it."""
    while True:
        try:
            return here.place(name, False)
        except ReplicaGone:
            continue


def test_a_snapshot_of_what_was_not_answered_is_not_gone_on_from() -> None:
    """But the one before it; without one, the stream begins again."""

    async def run() -> list[Any]:
        keeper, found = Keeper(60, 8), list[Any]()
        for numbers, heard in (([10, 20], 20), ([10, 20], 15), ([20], 15), ([10, 20, 30], 15)):
            await keeper.claim("a", False, "one", None)
            for number in numbers:
                await keeper.put("a", {"next": number}, True, "one")
            await keeper.give_up("one")
            try:
                found.append((await keeper.claim("a", True, "two", heard))["next"])  # type: ignore[index]
            except NothingKept:
                found.append(None)
            await keeper.free("a", False, "two")
        return found

    assert asyncio.run(run()) == [20, 10, None, None]


def test_frames_that_are_none_reach_no_replica() -> None:
    """Their error would end it, and the next one that gets them."""
    stream = ClusterStream(Here.__new__(Here), "door", "1", 0)
    for frames in (X[:, :3], X[0], "x", [[None] * 4]):
        with pytest.raises(InputError):
            stream.push(frames)  # type: ignore[arg-type]
    assert stream.expected == 0 and not stream._unkept


def test_what_is_pushed_is_the_callers_again() -> None:
    """A buffer that is filled anew does not change what may have to be sent again."""
    sent: list[Any] = []

    class Silent:
        port, period_s = Here.port, 0.01

        def call(self, *given: Any) -> Any:
            sent.append(given[-1])
            return [], 0

    stream, buffer = ClusterStream(Silent(), "door", "1", 0), X[:5].copy()  # type: ignore[arg-type]
    stream.push(buffer)
    buffer[:] = 0
    np.testing.assert_array_equal(stream._unkept[0][1], X[:5])


@pytest.mark.parametrize("end", ["finish", "close"])
def test_a_stream_leaves_its_replica_once(end: str) -> None:
    """However often it is closed: a replica that seems to have none is ended, with all others on it."""
    left: list[str] = []
    places = SimpleNamespace(port=Here.port, period_s=0.01, call=lambda *_: ([], 0), left=lambda *_: left.append("one"))
    stream = ClusterStream(places, "door", "1", 0)  # type: ignore[arg-type]
    getattr(stream, end)()
    stream.close()
    stream.close()
    assert left == ["one"]
    for call in (lambda: stream.push(X[:1]), stream.finish):
        with pytest.raises(InputError, match="'door': has ended; open it again"):
            call()
    assert stream.expected == 0


def test_a_replica_that_is_being_asked_is_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a stream is opened on it, the last other one leaves; an opening that fails counts for nothing."""
    streams, refused = ClusterStreams.__new__(ClusterStreams), InputError("open in another place")
    streams._lock, streams._least, streams._most, streams._options = threading.RLock(), 0, 2, ServeOptions(streams=8)
    streams._replicas, streams._counts, streams._begun = {"1": object()}, {"1": 1}, {"1": None}
    streams._ray = SimpleNamespace(kill=lambda one: None)
    monkeypatch.setattr(ClusterStreams, "_order", lambda self, name: [*self._replicas])

    def opened_meanwhile(*given: object) -> int:
        streams.left("1")
        return 0

    monkeypatch.setattr(streams, "call", opened_meanwhile)
    assert streams.place("door", False) == ("1", 0)
    assert (streams.replicas, streams._counts) == (1, {"1": 1})

    def failed(*given: object) -> int:
        raise refused

    monkeypatch.setattr(streams, "call", failed)
    with pytest.raises(InputError, match="another place"):
        streams.place("door", False)
    assert streams._counts == {"1": 1}


def test_without_ray_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a line."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"rnnedge\[ray\]"):
        ClusterStreams(GOLDEN)


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A real one, of two nodes."""
    ray = pytest.importorskip("ray", reason="needs ray")
    from ray_nodes import two_nodes

    from rnnedge.live.scoring.ray_cluster import _connect

    with two_nodes() as nodes:
        _connect(ray, {"address": nodes.address})
        try:
            yield nodes
        finally:
            ray.shutdown()


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a cluster in /proc")
def test_streams_go_on_when_a_process_of_a_real_cluster_is_killed(gru: Model, cluster: Any) -> None:
    """Exactly, on the other replica, sooner than a process starts; what is full grows, and a name comes back."""
    options = ServeOptions(streams=8, snapshot_s=0.2)
    with ClusterStreams(GOLDEN, least=2, options=options) as streams:
        open_ones = [streams.open(f"stream {n}") for n in range(8)]
        with pytest.raises(InputError, match="open in another place"):
            streams.open("stream 0")
        found: list[list[Outputs]] = [[] for _ in open_ones]
        before = {one._replica for one in open_ones}
        assert len(before) == 2
        for at in range(0, 200, 5):
            if at == 100:
                cluster.kill(next(one for one, name in cluster.processes().items() if name.startswith("ray::Replica")))
            for one, parts in zip(open_ones, found, strict=True):
                parts += one.push(X[at : at + 5])
            if at == 100:
                # None has waited for the process that takes the place of the dead one.
                assert len({one._replica for one in open_ones}) == 1 and {one._replica for one in open_ones} < before
        for one, parts in zip(open_ones, found, strict=True):
            parts += one.finish()
            np.testing.assert_array_equal(np.concatenate([o.frames for o in parts]), np.arange(200))
            np.testing.assert_allclose(np.concatenate([o.values for o in parts]), gru.stream().push(X[:200]), atol=1e-6)
        one = streams.open("door")
        first = one.push(X[:50])
        one.close()
        again = streams.open("door", resume=True)
        assert again.expected == 50
        values = np.concatenate([o.values for o in (*first, *again.push(X[50:100]))])
        np.testing.assert_allclose(values, gru.stream().push(X[:100]), atol=1e-6)
