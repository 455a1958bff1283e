"""Rounds, in which the streams of a server advance together: those that fail, and how much one may do."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs websockets")
pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")

from serving import in_json, served
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from rnnedge.live import Packet
from rnnedge.live.server.rounds import run_round
from rnnedge.live.server.streams import StreamTable
from rnnedge_runtime import Model
from rnnedge_runtime.errors import InputError

X = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)


class _Nowhere:
    """Wants answers as records."""

    def put_records(self, data: bytes, count: int) -> None:
        """They are not looked at."""


def test_a_stream_that_fails_in_a_round_gives_no_more(gru: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is it pushed to again, which would give the frames after the lost ones their numbers."""
    table = StreamTable(gru, 2, "hold")
    one, two = (table.open("", lambda _: None) for _ in range(2))
    run_round(table, [(stream, [Packet(X[:2], 0, 0.0)]) for stream in (one, two)])
    one.records = _Nowhere()
    push, failed = table.pool.push, []

    def fails(given: Any) -> Any:
        if one.member in given and len(failed) < 2:
            failed.append(given)
            raise InputError("no more memory")
        return push(given)

    monkeypatch.setattr(table.pool, "push", fails)
    packets = [Packet(X[2:4], 2, 0.1), Packet(X[4:6], 4, 0.2)]
    done = run_round(table, [(stream, packets) for stream in (one, two)])
    results = dict(done.results)
    assert not done.answers
    assert results[one].error == "no more memory" and not results[one].outputs
    assert [frame for found in results[two].outputs for frame in found.frames] == [2, 3, 4, 5]


def test_gaps_of_one_round_have_a_sum(gru: Model) -> None:
    """A client that leaves numbers out again and again does not take the time of the others either."""
    table = StreamTable(gru, 1, "hold")
    stream = table.open("a", lambda result: None)
    packets: list[Any] = [Packet(X[:1], 4000 * i, float(i)) for i in range(8)]
    [(_, result)] = run_round(table, [(stream, packets)]).results
    assert sum(len(one.values) for one in result.outputs) < 4096 + 8
    assert result.outputs[-1].frames.tolist() == [28_000]


def test_a_server_whose_rounds_fail_ends(gru: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what failed, and does not go on without answers."""

    def broken(*_: object) -> None:
        raise OSError("no more memory to map")

    monkeypatch.setattr(StreamTable, "push", broken)

    async def client(url: str) -> None:
        async with connect(f"{url}/v1/streams") as ws:
            await ws.send(in_json(X[:1]))
            with suppress(ConnectionClosed):
                while True:
                    await ws.recv()

    with pytest.raises(OSError, match="no more memory to map"):
        served(gru, client)
