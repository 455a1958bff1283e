"""Messages that are taken as they are read, in their order; and clients that are gone without a word."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs websockets")
pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")

from aiohttp import web, web_ws
from serving import PATIENCE_S, in_json, numbered, outputs, served
from websockets.asyncio.client import connect

from rnnedge.live import Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.server import ServeOptions, direct_socket, routes
from rnnedge.live.server.batch import Batch
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.metrics import Metrics
from rnnedge.live.server.waiting import Waiting
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array

_MODULE: Any = web_ws
_QUEUE = _MODULE.WebSocketDataQueue
X = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)


async def burst(url: str, messages: list[str | bytes], frames: int) -> Array:
    """What stream 1 gets if all is sent before anything is read."""
    async with connect(f"{url}/v1/streams") as ws:
        for message in messages:
            await ws.send(message)
        found: list[Array] = []
        while sum(map(len, found)) < frames:
            message = await ws.recv()
            if isinstance(message, bytes):
                found += [values for number, values in numbered(message) if number == 1]
            elif (said := json.loads(message))["type"] == "outputs":
                found.append(np.array(said["values"], np.float32))
        return np.concatenate(found)


@pytest.mark.parametrize("tapped", [True, False])
def test_messages_keep_their_order(gru: Model, tapped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text is done by a task, records at once if they may; an aiohttp of another make gives all to the task."""
    if not tapped:
        plain = type("Plain", (web.WebSocketResponse,), {"tap": None})
        monkeypatch.setattr(direct_socket, "_tapped", lambda: plain)
    at_once: list[bool] = []
    submit = Waiting.submit_record
    monkeypatch.setattr(Waiting, "submit_record", lambda *given: at_once.append(submit(*given)) or at_once[-1])
    form = FrameFormat(gru.contract)

    def one(begin: int, end: int) -> bytes:
        return form.encode(Packet(X[begin:end], begin, begin / 100), 1)

    two = form.encode(Packet(X[:3], 0, 0.0), 2)
    messages = [
        '{"type": "open", "stream": 1}', one(0, 3), '{"type": "open", "stream": 2}', one(3, 6) + two, one(6, 9),
        in_json(X[9:12], 9, 1), one(12, 15), one(15, 16), one(16, 20), one(20, 40), '{"type": "finish", "stream": 1}',
    ]  # fmt: skip

    async def client(url: str) -> tuple[Array, Array]:
        async with connect(f"{url}/v1/streams") as ws:
            await ws.send(form.encode(Packet(X[:1], 0, 0.0)))
            await ws.recv()
            for at in range(1, 5):
                await ws.send(form.encode(Packet(X[at : at + 1], at, 0.0)))
                assert isinstance(await ws.recv(), (bytes, str))
        return await burst(url, messages, 40), await burst(url, messages, 40)

    for found in served(gru, client, queue=64):
        np.testing.assert_allclose(found, gru.stream().push(X), atol=1e-6)
    # The frames that followed one another by themselves did not wait for a task.
    assert (True in at_once) is tapped


@pytest.mark.parametrize(("full", "kept"), [("drop-oldest", [2, 3, 4]), ("drop-newest", [0, 1, 2]), ("close", None)])
def test_records_that_were_not_looked_at_yet_count_as_waiting(gru: Model, full: str, kept: list[int] | None) -> None:
    """A queue of three, whatever they came as."""
    form = FrameFormat(gru.contract)

    async def run() -> tuple[list[bool], list[int]]:
        hub = Hub(gru, ServeOptions(queue=3, full=full), Metrics())
        stream, _ = await hub.open("", False, lambda result: None)
        other, _ = await hub.open("", False, lambda result: None)
        packets = [Packet(X[at : at + 1], at, 0.0) for at in range(5)]
        assert hub.submit_record(stream, form.encode(packets[0])) and hub.submit_record(other, form.encode(packets[0]))
        assert not hub.submit_record(stream, form.encode(packets[1]))
        taken = [True, *(hub.submit(stream, packet) for packet in packets[1:])]
        waiting = [packet.first for packet in hub._waiting.take_out(stream)]
        assert [packet.first for packet in hub._waiting.take_out(other)] == [0]
        hub.close()
        return taken, waiting

    taken, waiting = asyncio.run(run())
    assert taken == [kept is not None or at < 3 for at in range(5)]
    assert waiting == (kept or [0, 1, 2])


_post_start: Any = web.WebSocketResponse._post_start


def _untapped(socket: web.WebSocketResponse, *given: Any) -> None:
    """As an aiohttp whose queue comes from elsewhere."""
    replaced, _MODULE.WebSocketDataQueue = _MODULE.WebSocketDataQueue, _QUEUE
    try:
        _post_start(socket, *given)
    finally:
        _MODULE.WebSocketDataQueue = replaced


@pytest.mark.parametrize("tapped", [True, False])
def test_clients_that_are_gone_without_a_word_are_given_up(
    gru: Model, tapped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that answer a ping stay, and those that are in the middle of a message; aiohttp sees to it untapped."""
    if not tapped:
        monkeypatch.setattr(web.WebSocketResponse, "_post_start", _untapped)
    monkeypatch.setattr(routes, "_HEARTBEAT_S", 0.25)
    request = b"GET /v1/streams HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    request += b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

    def shaken(place: tuple[str, int]) -> socket.socket:
        client = socket.create_connection(place)
        client.sendall(request)
        client.settimeout(PATIENCE_S)
        assert client.recv(1000).startswith(b"HTTP/1.1 101")
        return client

    def gone(place: tuple[str, int]) -> bytes:
        heard = b""
        with shaken(place) as client:
            try:
                while data := client.recv(1000):
                    heard += data
            except ConnectionError:
                pass
        return heard

    def slow(place: tuple[str, int]) -> bytes:
        # It takes longer than a client that says nothing is given.
        text = json.dumps({"type": "frames", "frames": [[0.5, 0.25, 0.5, 0.25]]}).encode()
        with shaken(place) as client:
            client.sendall(bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)))
            client.settimeout(0.05)
            for at in range(0, len(text), 3):
                client.sendall(text[at : at + 3])
                with suppress(TimeoutError):
                    assert client.recv(1000), "given up"
            client.settimeout(PATIENCE_S)
            heard = b""
            while b"outputs" not in heard and (data := client.recv(1000)):
                heard += data
            return heard

    async def client(url: str) -> Any:
        host, port = url.removeprefix("ws://").split(":")
        async with connect(f"{url}/v1/streams") as ws:
            await ws.send(in_json(X[:1]))
            before = await outputs(ws, 1)
            both = await asyncio.gather(*(asyncio.to_thread(way, (host, int(port))) for way in (gone, slow)))
            await ws.send(in_json(X[1:], 1))
            return *both, np.concatenate([before, await outputs(ws, 39)])

    heard, slowly, found = served(gru, client)
    assert heard.startswith(b"\x89\x00")
    assert heard == b"\x89\x00" or not tapped
    assert b'"outputs"' in slowly
    np.testing.assert_allclose(found, gru.stream().push(X), atol=1e-6)


def test_a_stream_may_come_in_every_way_in_one_round(gru: Model) -> None:
    """As records by themselves, as rows of a message of many, as packets: in any order, none is taken for lost."""
    form, random = FrameFormat(gru.contract), np.random.default_rng(3)

    async def run() -> tuple[list[Array], int]:
        found: dict[str, list[Array]] = {name: [] for name in "abc"}
        hub = Hub(gru, ServeOptions(queue=1000), Metrics())
        tells = [lambda result, name=name: found[name].extend(o.values for o in result.outputs) for name in found]
        streams = [(await hub.open(name, False, tell))[0] for name, tell in zip(found, tells, strict=True)]
        at = [0, 0, 0]
        while min(at) < 40:
            for _ in range(int(random.integers(1, 8))):
                some = [i for i in random.permutation(3).tolist() if at[i] < 40][: int(random.integers(1, 3))]
                packets = [Packet(X[at[i] : at[i] + 1], at[i], at[i] / 100) for i in some]
                for i in some:
                    at[i] += 1
                if len(some) > 1:
                    firsts, times_s = [one.first for one in packets], [one.time_s for one in packets]
                    batch = Batch(
                        [streams[i] for i in some], firsts, times_s, np.stack([one.frames for one in packets])
                    )
                    assert not hub.submit_batch(batch)
                elif some and not (
                    random.random() < 0.7 and hub.submit_record(streams[some[0]], form.encode(packets[0]))
                ):
                    assert hub.submit(streams[some[0]], packets[0])
            await hub.round()
        lost = sum(stream.sequence.lost for stream in streams)
        hub.close()
        return [np.concatenate(parts) for parts in found.values()], lost

    found, lost = asyncio.run(run())
    assert lost == 0
    for values in found:
        np.testing.assert_allclose(values, gru.stream().push(X), atol=1e-6)
