"""A pool of streams in a process of a cluster: rounds, queues and snapshots are those of `rnnedge serve`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rnnedge.live.cluster.keeper import KeeperStore
from rnnedge.live.protocol import Packet
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.metrics import Metrics
from rnnedge.live.server.options import ServeOptions
from rnnedge.live.server.served import Result, ServedStream
from rnnedge.live.session import Outputs
from rnnedge_runtime import load
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError


@dataclass(eq=False)
class _Open:
    stream: ServedStream
    told: asyncio.Queue[Result]
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Replica:
    """An actor; `file` is the bytes of a model, so that no file system has to be shared."""

    def __init__(self, file: bytes, how: Mapping[str, Any], options: ServeOptions, keeper: Any, name: str) -> None:
        """`how`: what `load` is given."""
        self._store = KeeperStore(keeper, name)
        self._hub = Hub(load(file, **how), options, Metrics(), self._store)
        self._streams: dict[str, _Open] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Rounds are run from now on."""
        for run in (self._hub.tick, self._hub.snapshots):
            self._tasks.append(task := asyncio.create_task(run()))
            task.add_done_callback(self.ended)

    def ended(self, task: asyncio.Task[None]) -> None:
        """It ends by an error only: streams go on in another process."""
        os._exit(1)

    async def open(self, name: str, resume: bool, heard: int | None) -> int | None:
        """The frame that the stream expects, `heard` at most if that is not None; raises as `Hub.open`."""
        if heard is not None:
            self._store.heard[name] = heard
        told: asyncio.Queue[Result] = asyncio.Queue()
        stream, expected = await self._hub.open(name, resume, told.put_nowait)
        self._streams[name] = _Open(stream, told)
        return expected

    async def push(self, name: str, first: int, time_s: float, frames: Array | None) -> tuple[list[Outputs], int]:
        """What became computable, of the end too if `frames` is None; and the frame that the latest snapshot expects.

        Raises `InputError` for what the stream does not take.
        """
        if (one := self._streams.get(name)) is None:
            raise InputError(f"stream {name!r} is not open here")
        async with one.turn:
            packet = None if frames is None else Packet(frames, first, time_s)
            if not self._hub.submit(one.stream, packet):
                raise InputError(f"stream {name!r}: too many packets wait")
            result = await one.told.get()
        if result.error or result.finished:
            self._streams.pop(name, None)
        if result.error:
            raise InputError(result.error)
        return result.outputs, self._store.kept.get(name, 0)

    async def close(self, name: str) -> None:
        """The stream is kept for whom opens it again."""
        if (one := self._streams.pop(name, None)) is not None:
            await self._hub.release(one.stream)
