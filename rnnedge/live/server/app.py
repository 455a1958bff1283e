"""The server: it listens, runs rounds, and stops so that nothing is lost."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rnnedge.live.protocol import in_url
from rnnedge.live.server.changing import Change, ChangeHere
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.listening import listening
from rnnedge.live.server.metrics import Metrics
from rnnedge.live.server.options import ServeOptions
from rnnedge.live.server.routes import STREAMS, Routes
from rnnedge.live.server.signals import ended_by_signals
from rnnedge.live.server.tables import check_served
from rnnedge.live.stores import Store, open_store
from rnnedge_runtime import Model
from rnnedge_runtime.errors import InputError, MissingExtra
from rnnedge_runtime.plain_file import check_plain

# How long a client may take to begin TLS.
_SHAKES_S = 10.0


def serve(
    model: Model,
    options: ServeOptions,
    say: Callable[[str], None] = lambda _: None,
    load: Callable[[Path], Model] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; then take no more, run what waits, and write named streams to `options.state`.

    `say` is told where the server listens; `load` opens a file that is posted to `/v1/model`. Raises `InputError` if
    the port is taken, the state file is of another model, or a certificate cannot be read; `MissingExtra` without
    aiohttp.
    """
    check_served(model.contract, model.name)
    asyncio.run(serving(model, options, say, load=load))


async def serving(
    model: Model,
    options: ServeOptions,
    say: Callable[[str], None],
    stop: asyncio.Event | None = None,
    load: Callable[[Path], Model] | None = None,
) -> None:
    """As `serve`, in a loop that runs; `stop` ends it, as a signal does."""
    try:
        import aiohttp.web  # noqa: F401
    except ImportError as error:
        raise MissingExtra("serve needs aiohttp; pip install 'rnnedge[serve]'") from error
    server = Server(
        model, options, await open_store(options.state, options.keep_s, options.streams, model), ChangeHere(load)
    )
    stop = stop or asyncio.Event()
    tls = tls_context(options)
    with ended_by_signals(stop):
        take = partial(server.take, tls=tls)
        async with server.running(stop), server.over_grpc() as grpc_port, listening(options, take) as port:
            say(listens(model, options, port, grpc_port))
            await stop.wait()
            if told := await server.drain():
                say(told)


def listens(model: Model, options: ServeOptions, port: int, grpc_port: int | None) -> str:
    """What is told when a server has begun."""
    host = in_url(options.host)
    over_grpc = "" if grpc_port is None else f"grpc://{host}:{grpc_port} and "
    scheme = "wss" if options.certificate else "ws"
    return f"serving {model.name} at {over_grpc}{scheme}://{host}:{port}{STREAMS}"


class Server:
    """A hub and its routes; `begun` makes the protocol of a connection, however it came."""

    def __init__(self, model: Model, options: ServeOptions, store: Store, change: Change, name: str = "") -> None:
        """`change` serves another model; `name`: what this one is called, by default as it is."""
        self.hub = Hub(model, options, Metrics(), store)
        self.routes = Routes(self.hub, options, name or model.name, change)
        self._store, self._options = store, options
        self._runner: Any = None
        self._connecting: set[asyncio.Task[None]] = set()

    @property
    def load(self) -> int:
        """Connections and streams that are open."""
        return len(self._runner.server.connections) + self.hub.streams

    def take(self, client: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Serve a connection that was accepted; only inside `running`."""
        task = asyncio.ensure_future(self._connect(client, tls))
        self._connecting.add(task)
        task.add_done_callback(partial(self._connected, client))

    def _connected(self, client: socket.socket, task: asyncio.Task[None]) -> None:
        self._connecting.discard(task)
        if task.cancelled():
            # It came as the server ended.
            client.close()

    async def _connect(self, client: socket.socket, tls: ssl.SSLContext | None) -> None:
        # A client that speaks no TLS, or is gone.
        try:
            loop, patience_s = asyncio.get_running_loop(), _SHAKES_S if tls else None
            await loop.connect_accepted_socket(self._begun, client, ssl=tls, ssl_handshake_timeout=patience_s)
        except (OSError, asyncio.TimeoutError):
            client.close()

    def _begun(self) -> Any:
        protocol = self._runner.server()
        self.routes.watch(protocol)
        return protocol

    @asynccontextmanager
    async def running(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Rounds are run inside. A round that fails sets `stop`, and is raised at the end."""
        self._runner = await _prepared(self.routes, self._options)
        tasks = [asyncio.create_task(self.hub.tick()), asyncio.create_task(self.routes.heartbeats())]
        if self._options.snapshot_s:
            tasks.append(asyncio.create_task(self.hub.snapshots()))
        for task in tasks:
            # It ends by an error only: a server that answers nobody is none.
            task.add_done_callback(lambda _: stop.set())
        try:
            yield
        finally:
            for task in (*tasks, *self._connecting):
                task.cancel()
            await self.routes.close()
            await self._runner.cleanup()
            self.hub.close()
        for task in tasks:
            if task.done() and not task.cancelled() and (failed := task.exception()) is not None:
                raise failed

    @asynccontextmanager
    async def over_grpc(self, shared: bool = False) -> AsyncIterator[int | None]:
        """As `grpc_serving`, if there is a port for it."""
        if self._options.grpc_port is None:
            yield None
            return
        from rnnedge.live.server.grpc_service import grpc_serving

        async with grpc_serving(self.routes.kserve, self._options, shared) as port:
            yield port

    async def drain(self) -> str:
        """Take no more, run what waits, leave named streams to the store. Raises `InputError` if that fails."""
        trouble = await self.hub.drain()
        told = await self._store.close()
        if trouble:
            raise InputError(trouble)
        return told


async def _prepared(routes: Routes, options: ServeOptions) -> Any:
    from aiohttp import web

    app = web.Application(client_max_size=options.message_bytes, middlewares=[routes.guard])
    app.add_routes(routes.table())
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0, logger=_silent())
    await runner.setup()
    return runner


def _silent() -> Any:
    """What a stranger sends is his; it would fill the terminal."""
    import logging

    logger = logging.getLogger("rnnedge.serve.http")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger


def tls_context(options: ServeOptions) -> ssl.SSLContext | None:
    """What `--tls-cert` and `--tls-key` name. Raises `InputError` if they cannot be used."""
    if options.certificate is None:
        return None
    for path in (options.certificate, options.private_key or options.certificate):
        check_plain(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # A key with a password would wait at the terminal for it.
        context.load_cert_chain(options.certificate, options.private_key, password="")
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"{options.certificate}: no certificate and key that can be used ({error})") from error
    return context
