"""A worker as the process in front sees it: it is started, spoken to, given connections, and missed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from multiprocessing.resource_tracker import ensure_running
from typing import Any, TypeAlias

from rnnedge.live.server.signals import held_back
from rnnedge.live.workers.channel import Channel, Handler
from rnnedge.live.workers.spec import WorkerSpec
from rnnedge.live.workers.worker import work

WorkerHandler: TypeAlias = Callable[..., Awaitable[Any]]
_ENDS_S = 60.0


class WorkerProcess:
    """One process, from its start to its end. `load`: connections and streams that it has; `ended`: it is gone."""

    def __init__(self, spec: WorkerSpec, handlers: Mapping[str, WorkerHandler]) -> None:
        """`handlers`: what the worker may ask; each is told which one asks."""
        self.load, self.begun, self.why, self._stopping = 0, asyncio.Event(), "", False
        self.ended = False
        own: dict[str, Handler] = {"load": self._loaded, "ready": self._ready, "failed": self._failed}
        self._channel = Channel({**{name: partial(one, self) for name, one in handlers.items()}, **own})
        self._talk, talk = socket.socketpair()
        self._hand, handed = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._hand.setblocking(False)
        # Another way of starting would copy the sockets of the clients.
        self._process = get_context("spawn").Process(target=work, args=(spec, talk, handed))
        # It would be started with the first process, and let signals through.
        ensure_running()
        with held_back():
            self._process.start()
        talk.close()
        handed.close()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid or 0

    @property
    def code(self) -> int | None:
        """The exit code, after `run`."""
        return self._process.exitcode

    async def run(self) -> None:
        """Until it ends."""
        try:
            await self._channel.open(self._talk)
            if self._stopping:
                self.stop()
            await self._channel.run()
        finally:
            self.ended = True
            self._hand.close()
            await asyncio.get_running_loop().run_in_executor(None, self._process.join, _ENDS_S)
            if self._process.is_alive():
                self._process.kill()

    def hand(self, client: socket.socket) -> bool:
        """Give it a connection; False if it does not take any."""
        with suppress(OSError):
            socket.send_fds(self._hand, [b"c"], [client.fileno()])
            self.load += 1
            return True
        return False

    def stop(self) -> None:
        """It takes no more, and ends."""
        self._stopping = True
        self._channel.tell("stop")

    async def ask(self, what: str, **fields: Any) -> Any:
        """As `Channel.ask`."""
        return await self._channel.ask(what, **fields)

    async def _loaded(self, load: int) -> None:
        self.load = load

    async def _ready(self) -> None:
        self.begun.set()

    async def _failed(self, why: str) -> None:
        self.why = why
