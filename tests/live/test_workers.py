"""Several processes behind one port: streams, names, models and counts are those of one server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest
import quickly
import torch

pytest.importorskip("websockets", reason="needs websockets")
pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")
if sys.platform == "win32":
    pytest.skip("workers need sockets of Unix", allow_module_level=True)

from serving import ADMIN_TOKEN, PATIENCE_S, numbered, the_verb
from websockets.asyncio.client import connect

from rnnedge.live import Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge_runtime import load
from rnnedge_runtime.contract import Array

X = np.random.default_rng(5).standard_normal((30, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two models alike."""
    folder, found = tmp_path_factory.mktemp("workers"), []
    for number in range(2):
        torch.manual_seed(number)
        found.append(folder / f"{number}.onnx")
        quickly.export(torch.nn.GRU(2, 3, batch_first=True), torch.zeros(1, 8, 2), found[-1])
    return found


@pytest.fixture(scope="module")
def place(two: list[Path]) -> Iterator[str]:
    """A server of the first model."""
    with the_verb(two[0]) as (_, place):
        yield place


def solo(path: Path, x: Array = X) -> Array:
    """What a stream of this file gives, its first output."""
    given = load(path).stream().push(x)
    return given if isinstance(given, np.ndarray) else next(iter(given.values()))


def http(place: str, path: str, body: bytes | None = None) -> str:
    """The answer, over a connection of its own."""
    with urlopen(Request(f"http://{place}{path}", body, {"Authorization": f"Bearer {ADMIN_TOKEN}"})) as answer:
        return str(answer.read().decode())


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Their processes."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        pytest.skip("needs /proc")
    found = [int(pid) for pid in children.read_text().split()]
    return [pid for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def part(ws: Any, name: str, begin: int, end: int, form: FrameFormat) -> Array:
    """Frames of a named stream, which goes on if it does not begin."""
    while True:
        await ws.send(json.dumps({"type": "open", "stream": 1, "id": name, "resume": begin > 0}))
        said = json.loads(await ws.recv())
        if said["type"] == "opened":
            break
        # The server has not noticed yet that the socket before is closed.
        assert "another place" in said["message"], said
    assert said["next"] == (begin or None)
    await ws.send(form.encode(Packet(X[begin:end], begin, begin / 10), 1))
    return numbered(await ws.recv())[0][1]


def run(work: Callable[[], Any]) -> Any:
    """What it gives, within a minute."""
    return asyncio.run(asyncio.wait_for(work(), PATIENCE_S))


def test_a_stream_goes_on_in_another_worker(two: list[Path], place: str) -> None:
    """Four at a time, each through the connection of another one; and all are counted together."""
    form = FrameFormat(load(two[0]).contract)

    async def work() -> list[list[Array]]:
        found: list[list[Array]] = [[] for _ in range(4)]
        for turn, begin in enumerate(range(0, 30, 10)):
            async with AsyncExitStack() as stack:
                sockets = [await stack.enter_async_context(connect(f"ws://{place}/v1/streams")) for _ in range(4)]
                for number, parts in enumerate(found):
                    ws = sockets[(number + turn) % 4]
                    parts.append(await part(ws, f"door {number}", begin, begin + 10, form))
        return found

    before = float(re.findall(r"^rnnedge_frames_total (\S+)", http(place, "/metrics"), re.M)[0])
    for parts in run(work):
        np.testing.assert_allclose(np.concatenate(parts), solo(two[0]), atol=1e-6)
    text = http(place, "/metrics")
    assert float(re.findall(r"^rnnedge_frames_total (\S+)", text, re.M)[0]) - before == 120


def test_a_name_is_open_in_one_worker(two: list[Path], place: str) -> None:
    """As in a server of one process."""

    async def work() -> list[Any]:
        said = []
        async with AsyncExitStack() as stack:
            for _ in range(3):
                ws = await stack.enter_async_context(connect(f"ws://{place}/v1/streams"))
                await ws.send(json.dumps({"type": "open", "stream": 1, "id": "one"}))
                said.append(json.loads(await ws.recv()))
        return said

    first, *others = run(work)
    assert first["type"] == "opened" and all("another place" in one["message"] for one in others)


def test_requests_of_a_sequence_may_come_to_any_worker(two: list[Path], place: str) -> None:
    """Each through a connection of its own, while other connections make now one and now the other worker busier."""

    def infer(begin: int, **more: Any) -> Array:
        x = X[begin : begin + 1]
        name = load(two[0]).contract.inputs[0].name
        one = {"name": name, "datatype": "FP32", "shape": [1, *x.shape], "data": x.reshape(-1).tolist()}
        body = json.dumps({"inputs": [one], "parameters": {"sequence_id": 9, **more}}).encode()
        output = json.loads(http(place, "/v2/models/0/infer", body))["outputs"][0]
        return np.array(output["data"], np.float32).reshape(output["shape"])[0]

    async def work() -> list[Array]:
        found = []
        async with AsyncExitStack() as stack:
            for begin in range(12):
                more = {"sequence_start": begin == 0, "sequence_end": begin == 11}
                found.append(await asyncio.to_thread(infer, begin, **more))
                if begin % 3 == 2:
                    await stack.enter_async_context(connect(f"ws://{place}/v1/streams"))
        return found

    np.testing.assert_allclose(np.concatenate(run(work)), solo(two[0], X[:12]), atol=1e-6)


def test_all_workers_serve_another_model_or_none(two: list[Path], place: str) -> None:
    """Whichever was asked; junk is refused by all; and back."""
    form = FrameFormat(load(two[0]).contract)

    async def work() -> list[Array]:
        async with AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(connect(f"ws://{place}/v1/streams")) for _ in range(4)]
            return [await part(ws, f"new {number}", 0, 30, form) for number, ws in enumerate(sockets)]

    with pytest.raises(OSError, match="400"):
        http(place, "/v1/model", b"junk")
    for path, body in (("/v1/model", two[1].read_bytes()), ("/v1/model/rollback", b"")):
        assert "serving" in http(place, path, body)
        for values in run(work):
            np.testing.assert_allclose(values, solo(two[1 if body else 0]), atol=1e-6)


def test_a_worker_that_is_killed_is_replaced(two: list[Path], tmp_path: Path) -> None:
    """Its streams go on from their last snapshot, on the model that is served; those of the other notice nothing."""
    form = FrameFormat(load(two[0]).contract)

    async def work(process: subprocess.Popen[str], place: str) -> list[Array]:
        http(place, "/v1/model", two[1].read_bytes())
        async with connect(f"ws://{place}/v1/streams") as one, connect(f"ws://{place}/v1/streams") as two_:
            first = [await part(ws, name, 0, 10, form) for ws, name in ((one, "a"), (two_, "b"))]
            while b"rnnedge_snapshots_total 2.0" not in http(place, "/metrics").encode():
                await asyncio.sleep(0.02)
            os.kill(workers_of(process)[0], signal.SIGKILL)
            gone, left, name, other = (one, two_, "a", "b") if await lost(one) else (two_, one, "b", "a")
            await left.send(form.encode(Packet(X[10:], 10, 1.0), 1))
            rest = numbered(await left.recv())[0][1]
        async with connect(f"ws://{place}/v1/streams") as again:
            back = await part(again, name, 10, 30, form)
        assert name != other and gone is not left
        both = {name: back, other: rest}
        return [np.concatenate([values, both[which]]) for values, which in zip(first, "ab", strict=True)]

    async def lost(ws: Any) -> bool:
        try:
            await asyncio.wait_for(ws.wait_closed(), 1.0)
        except asyncio.TimeoutError:
            return False
        return True

    state = tmp_path / "state"
    with the_verb(two[0], "--snapshot-s", "0.05", "--state", str(state)) as (process, place):
        for values in run(lambda: work(process, place)):
            np.testing.assert_allclose(values, solo(two[1]), atol=1e-6)
        assert process.stderr is not None
        assert "another one is started" in process.stderr.readline()
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    assert {name: one["next"] for name, one in json.loads(state.read_text())["streams"].items()} == {"a": 30, "b": 30}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_while_they_start_ends_them_in_silence(two: list[Path], number: int) -> None:
    """As a terminal sends one for Ctrl-C, and a manager of services."""
    command = [sys.executable, "-m", "rnnedge", "serve", str(two[0]), "--port", "0", "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        while not workers_of(process):
            time.sleep(0.005)
        os.killpg(process.pid, number)
        said = process.communicate(timeout=PATIENCE_S)[1]
    assert (process.returncode, said) == (0, "")


def test_workers_that_cannot_begin_end_the_server(two: list[Path], tmp_path: Path) -> None:
    """In a line: a port that is taken, over HTTP and over gRPC, a certificate that is none."""
    (tmp_path / "none").write_text("none")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options in (["--port", port], ["--grpc-port", port], ["--tls-cert", str(tmp_path / "none")]):
            command = [sys.executable, "-m", "rnnedge", "serve", str(two[0]), "--port", "0", "--workers", "2"]
            done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
            assert done.returncode == 6 and done.stderr.count("\n") == 1, done.stderr
