"""Clients and pages that mean harm, and connections at bad times: the others notice nothing."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs websockets")
pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")

from serving import PATIENCE_S, in_json, outputs, served
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from rnnedge.live import Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.server import ServeOptions
from rnnedge.live.stores.memory import MemoryStore
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array

X = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)


def test_a_hostile_client_costs_only_itself(gru: Model) -> None:
    """Junk of every kind, giant messages, half-open sockets, gaps of years; another client notices nothing."""
    form = FrameFormat(gru.contract)
    record = form.encode(Packet(X[:2], 0, 0.0))
    junk: list[Any] = [
        "", "{", "[]", "null", '{"type": 1}', '{"type": "open", "id": 7}', '{"type": "open", "stream": -1}',
        "[" * 10_000, '{"type": "frames", "frames": "x"}', '{"type": "frames", "frames": [[1, 2]]}',
        '{"type": "finish", "stream": 9}', '{"type": "frames", "first": 1e400, "frames": []}',
        '{"type": "frames", "time_s": null, "frames": [[1,2,3,4]]}', '{"type": "open", "stream": 5, "id": 300}',
        b"", b"junk", record[:-1], record[:10], b"RNF1" + b"\xff" * 24, b"RNF1" + b"\xff" * 100,
        in_json(X[:1], 0), in_json(X[:1], 1 << 60), in_json(X[:1], (1 << 62) - 1),
    ]  # fmt: skip
    bad = X[:3].copy()
    bad[1, 2] = np.nan

    async def read(ws: Any) -> None:
        while True:
            await ws.recv()

    async def hostile(url: str) -> None:
        async with connect(f"{url}/v1/streams") as ws:
            for message in junk:
                await ws.send(message)
            await ws.send(form.encode(Packet(bad, 5, 0.0)))
            await ws.send(b"x" * 100_000)
            with pytest.raises(ConnectionClosed, match=r"1009|too big"):
                await asyncio.wait_for(read(ws), PATIENCE_S)

    async def client(url: str) -> Array:
        host, port = url.removeprefix("ws://").split(":")
        half = socket.create_connection((host, int(port)))
        half.sendall(b"GET /v1/streams HTTP/1.1\r\n")
        async with connect(f"{url}/v1/streams") as ws:
            parts = []
            for at in range(0, 40, 10):
                await hostile(url)
                await ws.send(in_json(X[at : at + 10], at))
                parts.append(await outputs(ws, 10))
        half.close()
        return np.concatenate(parts)

    found = served(gru, client, message_bytes=50_000)
    np.testing.assert_allclose(found, gru.stream().push(X), atol=1e-6)


def test_connections_that_find_no_file_wait(
    gru: Model, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The server takes them when there is one again, says nothing meanwhile, and its streams go on."""
    accept, failed = socket.socket.accept, []

    def without_files(listener: socket.socket) -> Any:
        if len(failed) < 3:
            failed.append(listener)
            raise OSError(errno.EMFILE, "Too many open files")
        return accept(listener)

    async def client(url: str) -> Array:
        async with connect(f"{url}/v1/streams") as ws:
            await ws.send(in_json(X[:10]))
            first = await outputs(ws, 10)
            monkeypatch.setattr(socket.socket, "accept", without_files)
            async with connect(f"{url}/v1/streams") as other:
                await other.send(in_json(X[:1]))
                await outputs(other, 1)
            await ws.send(in_json(X[10:], 10))
            return np.concatenate([first, await outputs(ws, 30)])

    np.testing.assert_allclose(served(gru, client), gru.stream().push(X), atol=1e-6)
    assert len(failed) == 3 and capfd.readouterr().err == ""


def test_a_connection_that_comes_as_the_server_ends_is_closed(gru: Model) -> None:
    """Whatever had been done with it by then."""
    from rnnedge.live.server.app import Server
    from rnnedge.live.server.changing import ChangeHere

    async def run(turns: int) -> bytes:
        server = Server(gru, ServeOptions(), MemoryStore(60, 8), ChangeHere(None))
        client, other = socket.socketpair()
        with other:
            other.setblocking(False)
            async with server.running(asyncio.Event()):
                client.setblocking(False)
                server.take(client, None)
                for _ in range(turns):
                    await asyncio.sleep(0)
            return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(other, 1), PATIENCE_S)

    assert [asyncio.run(run(turns)) for turns in range(4)] == [b""] * 4


def test_pages_of_other_sites_are_turned_away(gru: Model) -> None:
    """Any page can ask a browser for a socket: without a token or a list of origins, those of this machine may."""

    async def client(url: str) -> list[int]:
        found = []
        for origin in (None, "http://localhost:5173", "http://[::1]", "https://example.org", "null", "http://[", "x"):
            try:
                async with connect(f"{url}/v1/streams", origin=origin):  # type: ignore[arg-type]
                    found.append(101)
            except InvalidStatus as error:
                found.append(error.response.status_code)
        return found

    assert served(gru, client) == [101, 101, 101, 403, 403, 403, 403]
    assert served(gru, client, origins=("https://example.org",))[:4] == [101, 403, 403, 101]
