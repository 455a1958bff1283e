"""Sequences of KServe: each request is answered with its own frames, whoever gave up before it, by any clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")

from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.server import ServeOptions
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.kserve import KServe
from rnnedge.live.server.metrics import Metrics
from rnnedge.live.server.tensors import InferRequest
from rnnedge.live.stores.memory import MemoryStore
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError

X = np.random.default_rng(6).standard_normal((40, 4)).astype(np.float32)


def asked(begin: int, end: int, *, starts: bool = False, ends: bool = False, sequence: str = "7") -> InferRequest:
    """A request for these frames."""
    return InferRequest("", X[begin:end], False, {}, sequence, starts, ends)


def with_rounds(model: Model, work: Callable[[KServe, Hub], Awaitable[Any]], store: MemoryStore | None = None) -> Any:
    """What it gives, next to rounds that follow one another."""

    async def run() -> Any:
        hub = Hub(model, ServeOptions(tick_s=0.0), Metrics(), store)
        rounds = asyncio.create_task(hub.tick())
        try:
            return await work(KServe(hub, model.name, FrameFormat(model.contract)), hub)
        finally:
            await hub.drain()
            rounds.cancel()
            hub.close()

    return asyncio.run(run())


@pytest.mark.parametrize("turns", range(8))
def test_a_request_that_was_given_up_leaves_its_answer_to_no_other(gru: Model, turns: int) -> None:
    """Its frames are run, and the next request gets the outputs of its own, wherever the first one was by then."""

    async def work(kserve: KServe, hub: Hub) -> list[Array]:
        gone = asyncio.create_task(kserve.sequences.infer(asked(0, 5, starts=True)))
        while not (hub.streams and kserve.sequences._callers["7"].answer):
            await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        gone.cancel()
        return [(await kserve.sequences.infer(asked(at, at + 5)))["y"] for at in (5, 10, 15)]

    found = with_rounds(gru, work)
    assert [len(part) for part in found] == [5, 5, 5]
    np.testing.assert_allclose(np.concatenate(found), gru.stream().push(X[:20])[5:], atol=1e-6)


@pytest.mark.parametrize("sequence", ["", "7"])
def test_a_request_that_was_given_up_as_it_began_leaves_no_stream_open(gru: Model, sequence: str) -> None:
    """Alone, and in a sequence that its next request begins anew."""

    async def work(kserve: KServe, hub: Hub) -> int:
        for turns in range(12):
            gone = asyncio.create_task(kserve.sequences.infer(asked(0, 5, starts=True, ends=True, sequence=sequence)))
            for _ in range(turns):
                await asyncio.sleep(0)
            gone.cancel()
            await kserve.sequences.infer(asked(0, 5, starts=True, ends=True, sequence=sequence))
        while hub.streams:
            await asyncio.sleep(0)
        return len(hub._tables.current)

    assert with_rounds(gru, work) == 0


def test_clocks_of_servers_may_be_apart(gru: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sequence goes on exactly on a server whose clock is behind or ahead."""
    store, found = MemoryStore(60, 8), []
    for turn, moved_s in enumerate((0.0, -1e4, 1e6, -1e6)):
        now = time.time() + moved_s
        monkeypatch.setattr("rnnedge.live.server.kserve_sequences.time.time", lambda now=now: now)

        async def work(kserve: KServe, hub: Hub, turn: int = turn) -> list[Array]:
            return [
                (await kserve.sequences.infer(asked(at, at + 5, starts=at == 0)))["y"]
                for at in (10 * turn, 10 * turn + 5)
            ]

        found += with_rounds(gru, work, store)
    np.testing.assert_allclose(np.concatenate(found), gru.stream().push(X), atol=1e-6)


def test_a_sequence_may_start_twice_and_end_once(gru: Model) -> None:
    """The second start forgets the first; an end without a start is refused, and so is one after the end."""

    async def work(kserve: KServe, hub: Hub) -> Iterator[Array]:
        for given in (asked(0, 5, ends=True), asked(0, 5)):
            with pytest.raises(InputError, match="sequence_start"):
                await kserve.sequences.infer(given)
        await kserve.sequences.infer(asked(20, 30, starts=True))
        found = [await kserve.sequences.infer(piece) for piece in (asked(0, 5, starts=True), asked(5, 10, ends=True))]
        with pytest.raises(InputError, match="sequence_start"):
            await kserve.sequences.infer(asked(10, 15))
        return (one["y"] for one in found)

    np.testing.assert_allclose(np.concatenate([*with_rounds(gru, work)]), gru.stream().push(X[:10]), atol=1e-6)
