"""A process that serves connections which another one has accepted."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnedge.live.server.app import Server, tls_context
from rnnedge.live.server.changing import loaded
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.metrics import WORKERS_FOLDER
from rnnedge.live.server.signals import ended_by_signals, take_again
from rnnedge.live.stores import is_redis, open_store
from rnnedge.live.workers.channel import Channel, Handler
from rnnedge.live.workers.remote_store import RemoteStore
from rnnedge.live.workers.spec import WorkerSpec
from rnnedge_runtime import Model
from rnnedge_runtime.errors import RnnEdgeError

# Connections that are taken at once, and how often the process in front is told how many there are.
_HANDED, _REPORT_S = 64, 0.1


def work(spec: WorkerSpec, talk: socket.socket, handed: socket.socket) -> None:
    """The whole life of the process. `talk`: its end of the channel; `handed`: where connections come from."""
    # Before prometheus_client is imported, which looks at it.
    os.environ[WORKERS_FOLDER] = str(spec.metrics)
    with suppress(KeyboardInterrupt):
        asyncio.run(Worker(spec, talk, handed).run())


class Worker:
    """A server without a port of its own."""

    def __init__(self, spec: WorkerSpec, talk: socket.socket, handed: socket.socket) -> None:
        self._spec, self._talk, self._handed = spec, talk, handed
        self._stop, self._told, self._answering = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._load = 0
        self._checked: dict[str, Model] = {}
        asked: dict[str, Handler] = {"stop": self._stopped, "check": self._check, "switch": self._switch}
        self._channel = Channel({**asked, "back": self._back, "leave": self._leave, "answer": self._answer})

    async def run(self) -> None:
        """Until it is told to stop, a signal comes, or the process in front is gone."""
        await self._channel.open(self._talk)
        talk = asyncio.create_task(self._channel.run())
        talk.add_done_callback(lambda _: self._stop.set())
        with ended_by_signals(self._stop):
            take_again()
            try:
                await self._serve()
            except RnnEdgeError as error:
                # The process in front says so, and ends.
                self._channel.tell("failed", why=str(error))
        talk.cancel()

    async def _serve(self) -> None:
        spec, loop = self._spec, asyncio.get_running_loop()
        model, options = spec.load(spec.file), spec.options
        if is_redis(options.state):
            store = await open_store(options.state, options.keep_s, options.streams, model)
        else:
            store = RemoteStore(self._channel, [port.name for port in model.contract.outputs])
        tls = tls_context(options)
        self._server = server = Server(model, options, store, ChangeInFront(self._channel), spec.name)
        async with server.running(self._stop):
            self._channel.tell("ready")
            # Over gRPC it is asked as soon as it listens: not before it serves what the others do.
            await _either(self._told, self._stop)
            async with server.over_grpc(shared=True):
                self._handed.setblocking(False)
                loop.add_reader(self._handed.fileno(), self._take, tls)
                self._answering.set()
                self._report()
                await self._stop.wait()
                loop.remove_reader(self._handed.fileno())
                await server.drain()

    def _take(self, tls: Any) -> None:
        """Connections that were handed over."""
        with suppress(BlockingIOError):
            for _ in range(_HANDED):
                _, handles, _, _ = socket.recv_fds(self._handed, 16, 1)
                for handle in handles:
                    client = socket.socket(fileno=handle)
                    client.setblocking(False)
                    self._server.take(client, tls)

    def _report(self) -> None:
        """How much there is to do here, for who hands connections over."""
        if (load := self._server.load) != self._load:
            self._load = load
            self._channel.tell("load", load=load)
        asyncio.get_running_loop().call_later(_REPORT_S, self._report)

    async def _stopped(self) -> None:
        self._stop.set()

    async def _answer(self) -> None:
        self._told.set()
        await self._answering.wait()

    async def _check(self, file: str, share: float, posted: bool) -> None:
        """Load a file that may be served next. Raises `InputError` if it may not."""
        model = await loaded(self._spec.load_posted if posted else self._spec.load, Path(file))
        await self._server.hub.check(model, share)
        self._checked[file] = model

    async def _switch(self, file: str, share: float) -> tuple[str, int]:
        await self._server.hub.switch(self._checked.pop(file), share)
        return self._server.hub.model.digest, self._server.hub.others

    async def _back(self) -> tuple[str, int]:
        await self._server.hub.back()
        return self._server.hub.model.digest, self._server.hub.others

    async def _leave(self, name: str) -> bool:
        """Give up a sequence that nobody waits for here, because another worker was asked for it."""
        return await self._server.routes.kserve.sequences.leave(name)


async def _either(one: asyncio.Event, other: asyncio.Event) -> None:
    """Wait for the first of two."""
    waits = [asyncio.create_task(event.wait()) for event in (one, other)]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


class ChangeInFront:
    """As `Change`: in all workers, by the process in front."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def switch(self, hub: Hub, file: Path, share: float) -> str:
        """As `Change.switch`."""
        return str(await self._channel.ask("switch_all", file=str(file), share=share))

    async def back(self, hub: Hub) -> str:
        """As `Change.back`."""
        return str(await self._channel.ask("back_all"))
