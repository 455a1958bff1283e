"""What a server holds back: streams, frames and answers that wait have a number and a size."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs websockets")
pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")

from serving import in_json, open_stream, served
from websockets.asyncio.client import connect

from examples.serve_client import records
from rnnedge.live import Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.server import ServeOptions, outgoing
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.metrics import Metrics
from rnnedge.live.server.outgoing import Outgoing
from rnnedge_runtime import Model

X = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)


def test_a_server_that_is_full_says_so(gru: Model) -> None:
    """The streams that it has go on; a place that is free again is taken."""

    async def client(url: str) -> list[Any]:
        async with connect(f"{url}/v1/streams") as ws:
            said = [await open_stream(ws, number) for number in (1, 2)]
            await ws.send(json.dumps({"type": "close", "stream": 1}))
            said += [json.loads(await ws.recv()), await open_stream(ws, 2)]
        return [one["type"] for one in said]

    assert served(gru, client, streams=1) == ["opened", "error", "closed", "opened"]


def test_a_client_that_does_not_read_loses_answers_and_no_other(gru: Model) -> None:
    """What waits for it is bounded; it is told how many it lost."""
    sent: list[Any] = []

    class Stuck:
        async def send_str(self, message: Any) -> None:
            sent.append(message)

    async def run() -> None:
        hub = Hub(gru, ServeOptions(answers=3), Metrics())
        going = Outgoing(Stuck(), None, hub, [])
        for number in range(10):
            going.say({"stream": number})
        writer = asyncio.create_task(going.write())
        await asyncio.sleep(0.01)
        writer.cancel()
        hub.close()

    asyncio.run(run())
    said = [json.loads(message) for message in sent]
    assert [one.get("stream") for one in said[:3]] == [7, 8, 9]
    assert said[3] == {"type": "dropped", "answers": 7}


def test_a_round_may_answer_more_streams_than_answers_may_wait(gru: Model) -> None:
    """Those of one stream are bounded, not those of a socket: a gateway loses nothing while it reads."""
    form = FrameFormat(gru.contract)

    async def client(url: str) -> int:
        async with connect(f"{url}/v1/streams") as ws:
            for number in range(1, 31):
                await open_stream(ws, number)
            await ws.send(b"".join(form.encode(Packet(X[:1], 0, 0.0), number) for number in range(1, 31)))
            found = 0
            while found < 30:
                found += len([*records(await ws.recv())])
        return found

    assert served(gru, client, answers=2) == 30


@pytest.mark.parametrize(("full", "first"), [("drop-oldest", 8), ("drop-newest", 0), ("close", None)])
def test_a_full_queue_does_what_its_policy_says(gru: Model, full: str, first: int | None) -> None:
    """The frames that are let go are counted."""

    async def run() -> None:
        hub = Hub(gru, ServeOptions(queue=2, full=full), Metrics())
        served, _ = await hub.open("", False, lambda result: None)
        taken = [hub.submit(served, Packet(X[:1], number, 0.0)) for number in range(10)]
        if first is None:
            assert taken == [True, True, *[False] * 8]
        else:
            assert [packet.first for packet in served.waiting if packet] == [first, first + 1]
            assert b"rnnedge_dropped_frames_total 8.0" in hub.metrics.text()
        hub.close()

    asyncio.run(run())


def test_answers_that_wait_have_a_size(gru: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many streams of a socket may have some; the latest one is kept, whatever its size."""
    monkeypatch.setattr(outgoing, "_MOST_WAITING", 100)

    async def run() -> tuple[list[int], int]:
        hub = Hub(gru, ServeOptions(), Metrics())
        one = Outgoing(None, None, hub, [])
        sizes = []
        for size in (60, 60, 30, 200, 10):
            one.put(b"x" * size)
            sizes.append(sum(len(message) for message, _ in one._waiting))
        one._next()
        hub.close()
        return sizes, one._size

    assert asyncio.run(run()) == ([60, 60, 90, 200, 10], 0)


def test_a_client_that_goes_while_streams_end_leaves_none_open(gru: Model) -> None:
    """Every other stream is finished as the socket closes: the round that ends them does not keep the others."""

    async def client(url: str) -> list[str]:
        async with connect(f"{url}/v1/streams") as ws:
            for number in range(1, 31):
                await open_stream(ws, number)
            for number in range(1, 31, 2):
                await ws.send(in_json(X, 0, number))
                await ws.send(json.dumps({"type": "finish", "stream": number}))
        async with connect(f"{url}/v1/streams") as ws:
            # Until the last of them is gone.
            return [(await open_stream(ws, number))["type"] for number in range(1, 31) if not await asyncio.sleep(0.01)]

    assert served(gru, client, streams=30 + 30).count("opened") == 30


def test_a_stream_that_ends_as_it_is_closed_is_closed(gru: Model) -> None:
    """The socket goes on, whichever came first."""

    async def client(url: str) -> str:
        async with connect(f"{url}/v1/streams") as ws:
            for number in range(1, 20):
                await open_stream(ws, number)
                await ws.send(in_json(X, 0, number))
                await ws.send(json.dumps({"type": "finish", "stream": number}))
                await asyncio.sleep(0.0005 * (number % 4))
                await ws.send(json.dumps({"type": "close", "stream": number}))
            await ws.send(json.dumps({"type": "open", "stream": 99}))
            while (said := await ws.recv()) and '"stream": 99' not in said:
                pass
        return str(json.loads(said)["type"])

    assert served(gru, client) == "opened"
