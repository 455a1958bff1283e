"""Clients that go away and come back, to the same server and to the next one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs websockets")
pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")

from serving import in_json, open_stream, outputs, served
from websockets.asyncio.client import connect

from examples.serve_client import records
from rnnedge.live import Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.server import ServeOptions
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.metrics import Metrics
from rnnedge.live.stores.memory import MemoryStore
from rnnedge.live.stores.state_file import read_streams
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError, RnnEdgeError

X = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)


def test_a_client_that_comes_back_goes_on(gru: Model, tmp_path: Path) -> None:
    """On the same server, and on another one after a stop: exactly where it was."""
    state = tmp_path / "streams.json"
    form = FrameFormat(gru.contract)

    def part(begin: int, end: int, last: bool) -> Callable[[str], Awaitable[Any]]:
        async def client(url: str) -> Array:
            async with connect(f"{url}/v1/streams") as ws:
                said = await open_stream(ws, 3, id="door", **({"resume": True} if begin else {}))
                assert said == {"type": "opened", "stream": 3, "id": "door", "next": begin or None}
                await ws.send(form.encode(Packet(X[begin:end], begin, begin / 100), 3))
                values = next(records(await ws.recv()))[3]
            if last:
                return values
            await asyncio.sleep(0.05)
            return np.concatenate([values, await part(end, end + 10, True)(url)])

        return client

    found = [served(gru, part(0, 10, False), state=state), served(gru, part(20, 30, True), state=state)]
    np.testing.assert_allclose(np.concatenate(found), gru.stream().push(X[:30]), atol=1e-6)


def test_a_client_that_comes_back_may_send_its_latest_packet_once_more(gru: Model) -> None:
    """It does not know whether it was taken; also if it was the first one."""

    async def client(url: str) -> Array:
        async with connect(f"{url}/v1/streams") as ws:
            await open_stream(ws, id="door")
            await ws.send(in_json(X[:5]))
            await outputs(ws, 5)
        async with connect(f"{url}/v1/streams") as ws:
            await open_stream(ws, id="door", resume=True)
            await ws.send(in_json(X[:5]))
            await ws.send(in_json(X[5:10], 5))
            return await outputs(ws, 5)

    np.testing.assert_allclose(served(gru, client), gru.stream().push(X[:10])[5:], atol=1e-6)


def test_a_stream_that_was_away_too_long_begins_again(gru: Model) -> None:
    """It does not go on from states of another time, whether or not another stream has gone since."""

    async def client(url: str) -> Any:
        async with connect(f"{url}/v1/streams") as ws:
            await open_stream(ws, 1, id="door")
            await ws.send(in_json(X[:4], number=1))
            await outputs(ws, 4)
        await asyncio.sleep(0.3)
        async with connect(f"{url}/v1/streams") as ws:
            return await open_stream(ws, 1, id="door", resume=True)

    said = served(gru, client, keep_s=0.1)
    assert said["type"] == "error" and "nothing to resume" in said["message"]


def test_a_client_that_comes_back_at_once_goes_on(gru: Model) -> None:
    """What its stream still has to do is waited for."""

    async def client(url: str) -> set[Any]:
        found = set()
        for name in "abcdefgh":
            async with connect(f"{url}/v1/streams") as ws:
                await open_stream(ws, id=name)
                await ws.send(in_json(X))
            async with connect(f"{url}/v1/streams") as ws:
                found.add((await open_stream(ws, id=name, resume=True)).get("next"))
        return found

    assert served(gru, client) == {40}


def test_a_name_is_free_again_after_a_snapshot_that_fits_no_more(gru: Model) -> None:
    """Whatever kind of error it is."""
    pool = gru.pool(1)
    damaged = pool.snapshot(pool.join("a"))[:-1]
    kept = {"model": gru.digest, "next": 0, "base": 0, "made": {}, "latest": None, "snapshot": damaged}

    async def run() -> None:
        store = MemoryStore(60, 8)
        store.restore({"a": kept})
        hub = Hub(gru, ServeOptions(), Metrics(), store)
        for _ in range(2):
            with pytest.raises(RnnEdgeError, match="damaged"):
                await hub.open("a", True, lambda result: None)
        stream, _ = await hub.open("a", False, lambda result: None)
        await hub.release(stream)
        hub.close()

    asyncio.run(run())


def test_frames_that_come_while_a_server_stops_do_not_keep_it(gru: Model) -> None:
    """They are those that the stream expects next, on the next server."""

    async def run() -> Any:
        store = MemoryStore(60, 8)
        hub = Hub(gru, ServeOptions(), Metrics(), store)
        stream, _ = await hub.open("a", False, lambda result: None)
        hub.submit(stream, Packet(X[:5], 0, 0.0))
        hub.draining = True
        for first in range(5, 40):
            assert hub.submit(stream, Packet(X[first : first + 1], first, 0.0))
        await hub.drain()
        hub.close()
        return store.kept["a"]["next"]

    assert asyncio.run(run()) == 5


def test_a_stream_that_comes_back_as_the_server_stops_is_kept(gru: Model) -> None:
    """It was asked for before, and opened after the others were written: the next server has it."""

    async def run() -> Any:
        store = MemoryStore(60, 8)
        hub = Hub(gru, ServeOptions(), Metrics(), store)
        stream, _ = await hub.open("a", False, lambda result: None)
        hub.submit(stream, Packet(X[:5], 0, 0.0))
        await hub.release(stream)
        again = asyncio.create_task(hub.open("a", True, lambda result: None))
        await asyncio.sleep(0)
        await hub.drain()
        with pytest.raises(InputError, match="draining"):
            await again
        hub.close()
        return store.kept["a"]["next"]

    assert asyncio.run(run()) == 5


@pytest.mark.parametrize(
    "change",
    [
        {"next": 1 << 70}, {"next": -1}, {"next": None}, {"next": 1e400}, {"base": -1}, {"base": 1 << 63},
        {"made": {"y": 1 << 70}}, {"made": {"z": 1}}, {"made": [1]}, {"latest": [1]}, {"latest": [1, 10**400]},
        {"latest": [1 << 70, 0.0]}, {"snapshot": 5}, {"held": 5},
    ],
)  # fmt: skip
def test_a_state_file_that_was_changed_is_refused(gru: Model, change: dict[str, Any], tmp_path: Path) -> None:
    """Before the server begins, which its rounds would end."""
    kept = {"next": 3, "base": 0, "made": {"y": 3}, "latest": [2, 0.5], "snapshot": ""}
    head = {"schema": "rnnedge.serve.streams", "schema_version": 1, "model": gru.digest}
    path = tmp_path / "state"
    path.write_text(json.dumps(head | {"streams": {"a": kept}}))
    assert read_streams(path, gru)["a"]["next"] == 3
    path.write_text(json.dumps(head | {"streams": {"a": kept | change}}).replace("Infinity", "1e400"))
    with pytest.raises(InputError, match=str(path)):
        read_streams(path, gru)
