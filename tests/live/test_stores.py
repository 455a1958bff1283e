"""Named streams in Redis: they go on exactly on another server, and each is open in one."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs websockets")
pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")
pytest.importorskip("redis", reason="needs redis")

from serving import PATIENCE_S, numbered, served
from websockets.asyncio.client import connect

from rnnedge.live import Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.server import ServeOptions
from rnnedge.live.server.app import serving
from rnnedge.live.stores.redis_server import RedisStore
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError

X = np.random.default_rng(7).standard_normal((30, 4)).astype(np.float32)


@pytest.fixture(scope="module", params=["fake", "real"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of Redis: one in this process, and Debian's where it is installed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    if request.param == "fake":
        fakeredis = pytest.importorskip("fakeredis", reason="needs fakeredis")
        server = fakeredis.TcpFakeServer(("127.0.0.1", port))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"redis://127.0.0.1:{port}/0"
        server.shutdown()
        server.server_close()
        thread.join()
        return
    if (program := shutil.which("redis-server")) is None:
        pytest.skip("needs redis-server")
    folder = tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "Ready to accept" not in process.stdout.readline():
            pass
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()
        process.communicate()


async def part(url: str, name: str, begin: int, end: int, form: FrameFormat) -> Array:
    """Frames of a named stream over a socket of its own."""
    async with connect(f"{url}/v1/streams") as ws:
        await ws.send(json.dumps({"type": "open", "stream": 1, "id": name, "resume": begin > 0}))
        said = json.loads(await ws.recv())
        assert said.get("next", said) == (begin or None)
        await ws.send(form.encode(Packet(X[begin:end], begin, begin / 10), 1))
        return numbered(await ws.recv())[0][1]


def test_a_stream_goes_on_on_another_server(gru: Model, url: str) -> None:
    """One after the other, and two at once that take turns."""
    form = FrameFormat(gru.contract)
    found = [served(gru, lambda at, i=i: part(at, "door", 10 * i, 10 * i + 10, form), state=url) for i in range(3)]
    np.testing.assert_allclose(np.concatenate(found), gru.stream().push(X), atol=1e-6)

    async def both(first: str) -> list[Array]:
        begun: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        stop = asyncio.Event()
        options = ServeOptions(port=0, tick_s=0.001, state=url)
        other = asyncio.create_task(serving(gru, options, lambda said: begun.set_result(said.split()[-1]), stop))
        second = (await begun).removesuffix("/v1/streams")
        values = []
        for begin, place in ((0, first), (10, second), (20, first)):
            values.append(await part(place, "yard", begin, begin + 10, form))
            # The server is told that the socket is closed, and then Redis.
            await asyncio.sleep(0.1)
        stop.set()
        await other
        return values

    np.testing.assert_allclose(np.concatenate(served(gru, both, state=url)), gru.stream().push(X), atol=1e-6)


def test_a_stream_is_open_on_one_server(gru: Model, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until that one is dead; what it says afterwards changes nothing."""
    from rnnedge.live.stores import redis_server

    pool = gru.pool(1)
    member = pool.join("a")
    kept: dict[str, Any] = {"model": gru.digest, "next": 1, "base": 0, "made": {}, "latest": None, "held": b""}
    kept["snapshot"] = pool.snapshot(member)

    async def run() -> None:
        one, two = (RedisStore(url, 60.0, gru) for _ in range(2))
        await one.begin()
        await two.begin()
        assert await one.claim("a", False) is None
        with pytest.raises(InputError, match="another place"):
            await two.claim("a", False)
        await one.put("a", kept, still_open=True)
        with pytest.raises(InputError, match="another place"):
            await two.claim("a", True)
        # As one that was killed: nobody says that it is alive.
        monkeypatch.setattr(redis_server, "_ALIVE_S", 0.05)
        assert one._beat is not None
        one._beat.cancel()
        await one._alive()
        await asyncio.sleep(0.1)
        assert await two.claim("a", True) == kept
        await one.put("a", {**kept, "next": 99})
        await one.free("a", keep=False)
        await two.put("a", {**kept, "next": 2}, still_open=True)
        # Redis was started anew, and has lost all that it had: who has the stream open says so again.
        await two._redis.flushdb()
        await two._alive()
        await two.put("a", {**kept, "next": 2}, still_open=True)
        with pytest.raises(InputError, match="another place"):
            await two.claim("a", True)
        await two.put("a", {**kept, "next": 2})
        found = await two.claim("a", True)
        assert found is not None and found["next"] == 2
        await two.free("a", keep=False)
        with pytest.raises(InputError, match="nothing to resume"):
            await two.claim("a", True)
        for store in (one, two):
            await store.close()

    asyncio.run(asyncio.wait_for(run(), PATIENCE_S))


@pytest.mark.parametrize(
    "text", ["", "[", "{}", '{"next": -1}', '{"next": 1, "made": {"z": 1}, "latest": null}', "\x00"]
)
def test_what_another_program_wrote_is_refused(gru: Model, url: str, text: str) -> None:
    """In a line; the stream can be begun again."""

    async def run() -> None:
        store = RedisStore(url, 60.0, gru)
        await store.begin()
        await store._redis.set("rnnedge:stream:b", text)
        with pytest.raises(InputError, match="in Redis"):
            await store.claim("b", True)
        assert await store.claim("b", False) is None
        await store.free("b", keep=False)
        await store.close()

    asyncio.run(asyncio.wait_for(run(), PATIENCE_S))


def test_redis_that_cannot_be_reached_is_told(gru: Model, tmp_path: Path) -> None:
    """In a line, without the password; before anything is served."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for state in (f"redis://user:secret@127.0.0.1:{port}/0", "redis://127.0.0.1:1/x", "redis://127.0.0.1:99999/0"):
        with pytest.raises(InputError) as told:
            asyncio.run(serving(gru, ServeOptions(port=0, state=state), print))
        assert "\n" not in str(told.value) and "secret" not in str(told.value)
