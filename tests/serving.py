"""A server and its clients in one loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rnnedge.live.server import ServeOptions
from rnnedge.live.server.app import serving
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array

PATIENCE_S = 60


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
