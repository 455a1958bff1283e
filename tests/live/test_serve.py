"""The server, with real sockets: many streams, limits, clients that go away and come back, and hostile ones."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs websockets")
pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")

from serving import PATIENCE_S, numbered, served
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from examples.serve_client import records, stream
from rnnedge.live import Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.server import ServeOptions
from rnnedge.live.server.answers import AnswerFormat
from rnnedge.live.server.app import serving
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.metrics import Metrics
from rnnedge.live.server.rounds import run_round
from rnnedge.live.server.streams import StreamTable
from rnnedge.live.stores.memory import MemoryStore
from rnnedge.live.stores.state_file import read_streams
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError, RnnEdgeError

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
X = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)


async def open_stream(ws: Any, number: int = 0, **more: Any) -> Any:
    """The answer to it."""
    await ws.send(json.dumps({"type": "open", "stream": number, **more}))
    return json.loads(await ws.recv())


async def outputs(ws: Any, frames: int) -> Array:
    """The values of so many frames, in JSON."""
    values: list[Any] = []
    while len(values) < frames:
        said = json.loads(await ws.recv())
        if said["type"] == "outputs":
            values += said["values"]
    return np.array(values, np.float32)


def in_json(x: Array, first: int = 0, number: int = 0) -> str:
    """A message of frames."""
    fields = {"type": "frames", "stream": number, "first": first, "time_s": first / 100, "frames": x.tolist()}
    return json.dumps(fields)


def test_the_client_of_the_examples_gets_what_a_stream_gives(gru: Model) -> None:
    """Every frame, with its number and time."""

    async def client(url: str) -> Any:
        return await asyncio.to_thread(lambda: [*stream(url, X, 100.0, 7)])

    found = served(gru, client)
    np.testing.assert_allclose(np.concatenate([values for *_, values in found]), gru.stream().push(X), atol=1e-6)
    for _, first, time_s, _ in found:
        assert abs(time_s - first / 100) < 1e-9


def test_streams_of_one_socket_are_not_mixed(gru: Model) -> None:
    """Fifty of them, which advance together, with packets of other lengths each."""
    random = np.random.default_rng(1)
    given = {number: random.standard_normal((30, 4)).astype(np.float32) for number in range(1, 51)}
    form = FrameFormat(gru.contract)

    async def client(url: str) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = {number: [] for number in given}
        async with connect(f"{url}/v1/streams") as ws:
            for number in given:
                assert (await open_stream(ws, number))["type"] == "opened"
            for at in range(0, 30, 10):
                await ws.send(b"".join(form.encode(Packet(x[at : at + 10], at, 0.0), n) for n, x in given.items()))
            while sum(len(v) for parts in found.values() for v in parts) < 1500:
                for number, values in numbered(await ws.recv()):
                    found[number].append(values)
        return found

    found = served(gru, client)
    for number, x in given.items():
        np.testing.assert_allclose(np.concatenate(found[number]), gru.stream().push(x), atol=1e-6)


def test_numbers_that_are_left_out_are_a_gap(gru: Model) -> None:
    """And what comes twice is taken once."""

    async def client(url: str) -> Array:
        async with connect(f"{url}/v1/streams") as ws:
            for message in (in_json(X[:10]), in_json(X[5:10], 5), in_json(X[13:], 13)):
                await ws.send(message)
            return await outputs(ws, 40)

    direct = gru.stream(gap="hold")
    expected = np.concatenate([direct.push(X[:10]), direct.gap(3), direct.push(X[13:])])
    np.testing.assert_allclose(served(gru, client), expected, atol=1e-6)


def test_frames_without_a_number_are_counted_as_they_come(gru: Model) -> None:
    """Also several messages of one round, which a broker that delivers twice does not send."""

    async def client(url: str) -> Array:
        async with connect(f"{url}/v1/streams") as ws:
            for x in X:
                await ws.send(json.dumps({"type": "frames", "frames": [x.tolist()]}))
            return await outputs(ws, 40)

    np.testing.assert_allclose(served(gru, client, queue=64), gru.stream().push(X), atol=1e-6)


def test_frames_after_the_end_of_their_stream_are_told(gru: Model) -> None:
    """As JSON and as records, alone and with those of a stream that goes on: none is lost in silence."""
    form = FrameFormat(gru.contract)
    late = [form.encode(Packet(X[:5], 0, 0.0), number) for number in (1, 2)]

    async def client(url: str) -> Any:
        async with connect(f"{url}/v1/streams") as ws:
            await open_stream(ws, 1)
            await open_stream(ws, 2)
            await ws.send(in_json(X[:5], number=1))
            await ws.send(json.dumps({"type": "finish", "stream": 1}))
            for message in (in_json(X[:5], 5, 1), json.dumps({"type": "finish", "stream": 1}), late[0], b"".join(late)):
                await ws.send(message)
            said: list[Any] = []
            while not any(isinstance(one, bytes) for one in said) or len(said) < 7:
                said.append(await ws.recv())
            return [records(one) if isinstance(one, bytes) else json.loads(one) for one in said]

    said = served(gru, client)
    told = [one for one in said if isinstance(one, dict)]
    errors = [one["message"] for one in told if one["type"] == "error"]
    assert len(errors) == 4 and all("wait for the answer" in error or "not open" in error for error in errors)
    assert [one["frames"] for one in told if one["type"] == "outputs"] == [[*range(5)]]
    assert "finished" in [one["type"] for one in told]
    (others,) = (list(one) for one in said if not isinstance(one, dict))
    np.testing.assert_allclose(others[0][3], gru.stream().push(X[:5]), atol=1e-6)


def test_frames_without_a_number_follow_those_of_a_message_of_many(gru: Model) -> None:
    """They are not taken for a source that begins again."""
    form = FrameFormat(gru.contract)

    async def client(url: str) -> Any:
        async with connect(f"{url}/v1/streams") as ws:
            for number in (1, 2):
                await open_stream(ws, number)
            await ws.send(b"".join(form.encode(Packet(X[:10], 0, 0.0), number) for number in (1, 2)))
            await ws.send(json.dumps({"type": "frames", "stream": 1, "frames": X[10:20].tolist()}))
            found: list[Any] = []
            while sum(map(len, found)) < 20:
                message = await ws.recv()
                if isinstance(message, str):
                    found.append(json.loads(message)["values"])
                else:
                    found += [part for number, part in numbered(message) if number == 1]
            return np.concatenate(found)

    np.testing.assert_allclose(served(gru, client), gru.stream().push(X[:20]), atol=1e-6)


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


def test_a_server_that_is_full_says_so(gru: Model) -> None:
    """The streams that it has go on; a place that is free again is taken."""

    async def client(url: str) -> list[Any]:
        async with connect(f"{url}/v1/streams") as ws:
            said = [await open_stream(ws, number) for number in (1, 2)]
            await ws.send(json.dumps({"type": "close", "stream": 1}))
            said += [json.loads(await ws.recv()), await open_stream(ws, 2)]
        return [one["type"] for one in said]

    assert served(gru, client, streams=1) == ["opened", "error", "closed", "opened"]


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


def test_a_client_that_does_not_read_loses_answers_and_no_other(gru: Model) -> None:
    """What waits for it is bounded; it is told how many it lost."""
    from rnnedge.live.server.connection import Connection

    sent: list[Any] = []

    class Stuck:
        async def send_str(self, message: Any) -> None:
            sent.append(message)

    async def run() -> None:
        hub = Hub(gru, ServeOptions(answers=3), Metrics())
        connection = Connection(Stuck(), None, hub, FrameFormat(gru.contract), AnswerFormat(gru.contract))
        for number in range(10):
            connection._say({"stream": number})
        writer = asyncio.create_task(connection._write())
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
    from rnnedge.live.server import connection

    monkeypatch.setattr(connection, "_MOST_WAITING", 100)

    async def run() -> tuple[list[int], int]:
        hub = connection.Hub(gru, ServeOptions(), Metrics())
        one = connection.Connection(None, None, hub, FrameFormat(gru.contract), AnswerFormat(gru.contract))
        sizes = []
        for size in (60, 60, 30, 200, 10):
            one._put(b"x" * size)
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


def test_frames_with_a_nan_are_counted(gru: Model) -> None:
    """The number before stands in their place, and the metrics say how often."""
    bad = X[:6].copy()
    bad[[1, 4], 2] = np.nan, np.inf

    async def client(url: str) -> Any:
        async with connect(f"{url}/v1/streams") as ws:
            await ws.send(FrameFormat(gru.contract).encode(Packet(bad, 0, 0.0)))
            while not isinstance(message := await ws.recv(), bytes):
                continue
            found = np.concatenate([part for _, part in numbered(message)])
        metrics = url.replace("ws://", "http://") + "/metrics"
        for _ in range(1000):
            text = await asyncio.to_thread(lambda: urlopen(metrics).read().decode())
            if "rnnedge_streams 0.0" in text:
                break
        return found, text

    found, text = served(gru, client, keep_s=0.0)
    mended = bad.copy()
    mended[[1, 4], 2] = bad[[0, 3], 2]
    np.testing.assert_allclose(found, gru.stream().push(mended), atol=1e-6)
    assert "rnnedge_mended_frames_total 2.0" in text


def test_gaps_of_one_round_have_a_sum(gru: Model) -> None:
    """A client that leaves numbers out again and again does not take the time of the others either."""
    table = StreamTable(gru, 1, "hold")
    stream = table.open("a", lambda result: None)
    packets: list[Any] = [Packet(X[:1], 4000 * i, float(i)) for i in range(8)]
    [(_, result)] = run_round(table, [(stream, packets)]).results
    assert sum(len(one.values) for one in result.outputs) < 4096 + 8
    assert result.outputs[-1].frames.tolist() == [28_000]


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


def test_what_is_no_stream_is_answered_over_http(gru: Model) -> None:
    """Health, readiness, metrics and the model; a token where one is set."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    def get(url: str, path: str, token: str = "") -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            with urlopen(Request(f"http{url[2:]}{path}", headers=headers)) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    async def client(url: str) -> list[tuple[int, str]]:
        paths = (("/health", ""), ("/ready", ""), ("/metrics", ""), ("/metrics", "s"), ("/v1/model", "s"), ("/x", "s"))
        return [await asyncio.to_thread(get, url, *one) for one in paths]

    found = served(gru, client, token="s")
    assert [code for code, _ in found] == [200, 200, 401, 200, 200, 404]
    assert "rnnedge_round_seconds" in found[3][1]
    assert json.loads(found[4][1])["labels"] == list(gru.contract.labels)


def _locked_certificate() -> bytes:
    """One whose key has a password, which a server cannot ask for."""
    from datetime import datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key, name = Ed25519PrivateKey.generate(), x509.Name([])
    begin = datetime(2020, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(36500))
    pem, locked = serialization.Encoding.PEM, serialization.BestAvailableEncryption(b"word")
    form = serialization.PrivateFormat.PKCS8
    return builder.sign(key, None).public_bytes(pem) + key.private_bytes(pem, form, locked)


def test_what_cannot_be_served_is_told(gru: Model, tmp_path: Path) -> None:
    """A port that is taken, a state file of something else, a certificate that is none; in a line."""

    async def nothing(url: str) -> None:
        pass

    (tmp_path / "state").write_text("{}")
    (tmp_path / "deep").write_text("[" * 100_000)
    (tmp_path / "folder").mkdir()
    (tmp_path / "locked").write_bytes(_locked_certificate())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for options, words in (
            (ServeOptions(port=taken.getsockname()[1]), "cannot be listened on"),
            (ServeOptions(port=0, host="a..b"), "cannot be listened on"),
            (ServeOptions(state=tmp_path / "state"), "move it away"),
            (ServeOptions(state=tmp_path / "deep"), "nested too deeply"),
            (ServeOptions(state=tmp_path / "folder"), "found a directory"),
            (ServeOptions(port=0, certificate=tmp_path / "none"), "cannot be read"),
            (ServeOptions(port=0, certificate=tmp_path / "state"), "no certificate"),
            (ServeOptions(port=0, certificate=tmp_path / "state", private_key=tmp_path / "folder"), "a directory"),
            (ServeOptions(port=0, certificate=tmp_path / "locked"), "no certificate"),
        ):
            with pytest.raises(InputError, match=words):
                asyncio.run(serving(gru, options, print))


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


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM ends a process at once there")
def test_a_signal_that_comes_while_the_loop_is_behind_is_not_lost(gru: Model) -> None:
    """A thousand streams that are released at once fill the pipe that wakes the loop."""
    before = signal.getsignal(signal.SIGTERM)

    async def run() -> str:
        said: list[str] = []
        begun, loop = asyncio.Event(), asyncio.get_running_loop()

        def ready(text: str) -> None:
            said.append(text)
            begun.set()

        server = asyncio.create_task(serving(gru, ServeOptions(port=0), ready))
        await begun.wait()
        await asyncio.sleep(0)
        for _ in range(10_000):
            loop.call_soon_threadsafe(int)
        with pytest.raises(BlockingIOError):
            loop._csock.send(b"\0")  # type: ignore[attr-defined]
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(server, PATIENCE_S)
        return said[0]

    place = urlsplit(asyncio.run(run()).split()[-1])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((str(place.hostname), int(place.port or 0)))
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM ends a process at once there")
def test_sigterm_ends_the_verb_with_its_streams_written(tmp_path: Path) -> None:
    """Exit code 0, the file has the stream that was open."""
    state = tmp_path / "streams.json"
    command = [sys.executable, "-m", "rnnedge", "serve", GOLDEN, "--port", "0", "--state", state]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]

        async def client() -> None:
            async with connect(url) as ws:
                await open_stream(ws, 1, id="door")
                await ws.send(in_json(X[:5], 0, 1))
                await outputs(ws, 5)
                process.send_signal(signal.SIGTERM)
                await ws.wait_closed()

        asyncio.run(client())
        assert process.wait(PATIENCE_S) == 0, process.stderr.read()
    assert json.loads(state.read_text())["streams"]["door"]["next"] == 5
