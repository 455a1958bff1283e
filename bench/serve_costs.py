"""What a server costs: processor time of a frame and of a round, of a socket and of a snapshot; bytes of a stream.

Usage: python -m bench.serve_costs   (a minute; prints JSON, which `bench.scale` plans with)
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np

from bench.score import network
from rnnedge.live.protocol import Packet
from rnnedge.live.server.rounds import run_round
from rnnedge.live.server.streams import StreamTable
from rnnedge.live.stores.redis_server import RedisStore
from rnnedge.live.stores.state_file import read_streams, write_streams
from rnnedge_runtime import Model, load

_SECONDS = 4.0
_STARTS_S = 30.0


@dataclass(frozen=True)
class Costs:
    """Microseconds of one processor, and bytes; each measured here.

    A round of n frames takes `round_us + n * frame_us` of a process with a socket for each stream, of which the pool is
    `pool_us` a frame; through one socket for all of them a frame takes `gateway_us`. `open_us`: a connection with a
    stream. `keep_us`, `write_us`, `restore_us`: a snapshot, a line of the state file, and back. `stream_bytes`: memory;
    `snapshot_bytes`: in the file; `wire_bytes`: a frame and its answer on the network. `store_us`: of Redis, a snapshot
    that it is given; None
    without redis-server.
    """

    round_us: float
    frame_us: float
    gateway_us: float
    pool_us: float
    open_us: float
    keep_us: float
    write_us: float
    restore_us: float
    stream_bytes: float
    snapshot_bytes: float
    wire_bytes: float
    store_us: float | None


@dataclass(frozen=True)
class Load:
    """One run of `bench.serve_load`: processor seconds of the server, its rounds, and what the client saw."""

    busy_s: float
    opening_s: float
    rounds: float
    memory: int
    seen: dict[str, float]


def measure() -> Costs:
    """All of them, on this machine."""
    with tempfile.TemporaryDirectory() as place:
        path = network(Path(place))
        with server(path) as (pid, url):
            few = run_load([pid], url, 50, 1)
        with server(path) as (pid, url):
            many = run_load([pid], url, 400, 1)
        with server(path) as (pid, url):
            gateway = run_load([pid], url, 1, 1000)
        # busy = rounds * a + frames * b, of two loads.
        rows = [[one.rounds, one.seen["frames"]] for one in (few, many)]
        round_s, frame_s = np.linalg.solve(rows, [few.busy_s, many.busy_s])
        return Costs(
            round_us=round_s * 1e6,
            frame_us=frame_s * 1e6,
            gateway_us=gateway.busy_s / gateway.seen["frames"] * 1e6,
            open_us=many.opening_s / 400 * 1e6,
            stream_bytes=(many.memory - few.memory) / 350,
            # A record with the head of its message, an answer with its own, and two segments of TCP over IPv4.
            wire_bytes=(28 + 160 + 8) + (36 + 16 + 2) + 2 * 52,
            **_in_process(path, Path(place)),
        )


@contextmanager
def server(model: Path, *options: str) -> Iterator[tuple[int, str]]:
    """Its process, and its address."""
    command = [sys.executable, "-m", "rnnedge", "serve", str(model), "--port", "0", "--streams", "4096"]
    command += ["--sockets", "4096", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = process.stderr.readline()
        yield process.pid, re.findall(r"//(\S+?)/v1", said)[0]
    finally:
        process.terminate()
        try:
            process.wait(_STARTS_S)
        except subprocess.TimeoutExpired:
            process.kill()


def run_load(pids: list[int], url: str, sockets: int, streams: int) -> Load:
    """A load on the server of these processes."""
    begin = busy(pids)
    client = subprocess.Popen(
        [sys.executable, "-m", "bench.serve_load", url, str(sockets), str(streams), str(_SECONDS)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert client.stdout is not None
    client.stdout.readline()
    opened, before = busy(pids), _rounds(url)
    seen = json.loads(client.stdout.readline())
    memory = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids) * os.sysconf("SC_PAGE_SIZE")
    load = Load(busy(pids) - opened, opened - begin, _rounds(url) - before, memory, seen)
    client.wait(_STARTS_S)
    return load


def busy(pids: list[int]) -> float:
    """Processor seconds of these processes so far."""
    ticks = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13] for pid in pids]
    return sum(int(n) for pair in ticks for n in pair) / os.sysconf("SC_CLK_TCK")


def _rounds(url: str) -> float:
    with urlopen(f"http://{url}/metrics") as answer:
        return float(re.findall(r"^rnnedge_round_seconds_count (\S+)", answer.read().decode(), re.M)[0])


def _in_process(path: Path, folder: Path) -> dict[str, Any]:
    """The pool and snapshots by themselves, of 512 streams."""
    model, count = load(path), 512
    table = StreamTable(model, count, "hold")
    streams = [table.open(f"stream-{n}", lambda _: None) for n in range(count)]
    frame = np.zeros((1, 40), np.float32)
    run_round(table, [(stream, [Packet(frame, 0, 0.0)]) for stream in streams])
    given = {stream.member: frame for stream in streams}
    kept: dict[str, dict[str, Any]] = {}
    state = folder / "state"
    took = {
        "pool_us": _us(lambda: table.pool.push(given), count),
        "keep_us": _us(lambda: kept.update({stream.id: table.keep(stream) for stream in streams}), count),
        "write_us": _us(lambda: write_streams(state, model, kept), count),
    }
    for stream in streams:
        table.close(stream)
    back: list[Any] = []
    read = _us(lambda: read_streams(state, model), count)
    opened = _us(lambda: back.extend(table.open(n, lambda _: None, one) for n, one in kept.items()), count, 1)
    model_store = _redis_us(model, kept)
    return {
        **took,
        "store_us": model_store,
        "restore_us": read + opened,
        "snapshot_bytes": state.stat().st_size / count,
    }


def _redis_us(model: Model, kept: dict[str, dict[str, Any]]) -> float | None:
    if (program := shutil.which("redis-server")) is None:
        return None

    async def put(url: str) -> None:
        store = RedisStore(url, 60.0, model)
        await store.begin()
        for name in kept:
            await store.claim(name, False)
        begun = busy([process.pid])
        for _ in range(5):
            for name, one in kept.items():
                await store.put(name, one, still_open=True)
        took.append(busy([process.pid]) - begun)
        await store.close()

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    took: list[float] = []
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "Ready to accept" not in process.stdout.readline():
            pass
        asyncio.run(put(f"redis://127.0.0.1:{port}/0"))
        process.terminate()
    return took[0] / 5 / len(kept) * 1e6


def _us(call: Callable[[], object], count: int, times: int = 20) -> float:
    """Processor time of one of `count`, the least of several calls."""
    took = []
    for _ in range(times):
        begin = time.process_time()
        call()
        took.append(time.process_time() - begin)
    return min(took) / count * 1e6


if __name__ == "__main__":
    print(json.dumps(asdict(measure()), indent=1))
