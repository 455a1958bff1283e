"""A server and its clients in one loop; and the verb, with workers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rnnedge.live.server import ServeOptions
from rnnedge.live.server.app import serving
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array

PATIENCE_S = 60
ADMIN_TOKEN = "of the admin"


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


def numbered(message: bytes) -> list[tuple[int, Array]]:
    """The streams of a message of records, and what each got of the first output."""
    from examples.serve_client import records

    found, at = [], 0
    for output, _, _, part in records(message):
        if output == 0:
            found.append((int.from_bytes(message[at + 4 : at + 8], "little"), part))
        at += 36 + part.nbytes
    return found


def served(
    model: Model,
    client: Callable[[str], Awaitable[Any]],
    *,
    load: Callable[[Path], Model] | None = None,
    **options: Any,
) -> Any:
    """What `client(url)` gives, next to a server in the same loop; the server is stopped after it."""

    async def both() -> Any:
        stop, begun = asyncio.Event(), asyncio.get_running_loop().create_future()
        settings = ServeOptions(port=0, tick_s=0.001, **options)
        told = lambda said: begun.done() or begun.set_result(said)  # noqa: E731
        server = asyncio.create_task(serving(model, settings, told, stop, load))
        await asyncio.wait([server, begun], return_when=asyncio.FIRST_COMPLETED)
        if server.done():
            await server
        try:
            return await asyncio.wait_for(client(begun.result().split()[-1].removesuffix("/v1/streams")), PATIENCE_S)
        finally:
            stop.set()
            await server

    return asyncio.run(both())


@contextmanager
def the_verb(model: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`rnnedge serve` with two workers, and host:port."""
    command = [sys.executable, "-m", "rnnedge", "serve", str(model), "--port", "0", "--workers", "2", *options]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "RNNEDGE_ADMIN_TOKEN": ADMIN_TOKEN}
    ) as process:
        assert process.stderr is not None
        try:
            said = process.stderr.readline()
            assert "serving" in said, said + process.stderr.read()
            yield process, re.findall(r"//(\S+?)/v1", said)[0]
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
