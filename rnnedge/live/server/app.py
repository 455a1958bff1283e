"""The server: it listens, runs rounds, and stops so that nothing is lost."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from rnnedge.live.server.hub import Hub
from rnnedge.live.server.metrics import Metrics
from rnnedge.live.server.options import ServeOptions
from rnnedge.live.server.routes import STREAMS, Routes
from rnnedge.live.server.state_file import read_streams, write_streams
from rnnedge.live.server.tables import check_served
from rnnedge_runtime import Model
from rnnedge_runtime.errors import InputError, MissingExtra
from rnnedge_runtime.plain_file import check_plain


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
    hub = Hub(model, options, Metrics())
    if options.state is not None:
        until = monotonic() + options.keep_s
        hub.kept = {name: (until, kept) for name, kept in read_streams(options.state, model).items()}
    routes = Routes(hub, options, model.name, load)
    runner = await _prepared(routes, options)
    stop = stop or asyncio.Event()
    try:
        tls = _tls(options)
        server = await _listening(runner, routes, options, tls)
        tick = asyncio.create_task(hub.tick())
        # It ends by an error only: a server that answers nobody is none.
        tick.add_done_callback(lambda _: stop.set())
        port = server.sockets[0].getsockname()[1]
        say(f"serving {model.name} at {'wss' if tls else 'ws'}://{options.host}:{port}{STREAMS}")
        try:
            await _stopped(stop)
            streams = await hub.drain()
            if options.state is not None:
                write_streams(options.state, hub.model, streams)
                say(f"{options.state}: {len(streams)} streams")
        finally:
            tick.cancel()
            server.close()
            await routes.close()
    finally:
        await runner.cleanup()
        hub.close()
    if tick.done() and not tick.cancelled() and (failed := tick.exception()) is not None:
        raise failed


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


async def _listening(runner: Any, routes: Routes, options: ServeOptions, tls: ssl.SSLContext | None) -> Any:
    """Raises `InputError` if the place is taken, or is none."""
    loop = asyncio.get_running_loop()

    def begun() -> Any:
        protocol = runner.server()
        routes.watch(protocol)
        return protocol

    try:
        return await loop.create_server(begun, options.host, options.port, ssl=tls, backlog=1024)
    # A host that is no name is an error of Unicode.
    except (OSError, UnicodeError) as error:
        place = f"{options.host}:{options.port}"
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"serve: {place}: cannot be listened on ({reason})") from error


async def _stopped(stop: asyncio.Event) -> None:
    """Wait for `stop`, or for a signal."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Windows has no such handlers, and neither has a loop outside the main thread.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop.set)
    await stop.wait()


def _tls(options: ServeOptions) -> ssl.SSLContext | None:
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
