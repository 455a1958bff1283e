"""The server: sockets, `/health`, `/ready`, `/metrics`, `/v1/model`, and a stop that loses nothing."""

from __future__ import annotations

import asyncio
import hmac
import signal
import ssl
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.server.answers import AnswerFormat, described
from rnnedge.live.server.connection import Connection
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.metrics import Metrics
from rnnedge.live.server.options import ServeOptions
from rnnedge.live.server.state_file import read_streams, write_streams
from rnnedge.live.server.streams import check_served
from rnnedge_runtime import Model
from rnnedge_runtime.errors import InputError, MissingExtra
from rnnedge_runtime.plain_file import check_plain

_STREAMS = "/v1/streams"
# Hosts of pages that are of this machine.
_HERE = ("localhost", "127.0.0.1", "::1")


def serve(model: Model, options: ServeOptions, say: Callable[[str], None] = lambda _: None) -> None:
    """Serve until SIGTERM or SIGINT; then take no more, run what waits, and write named streams to `options.state`.

    `say` is told where the server listens. Raises `InputError` if the port is taken, the state file is of another
    model, or a certificate cannot be read; `MissingExtra` without websockets.
    """
    check_served(model.contract, model.name)
    asyncio.run(serving(model, options, say))


async def serving(
    model: Model, options: ServeOptions, say: Callable[[str], None], stop: asyncio.Event | None = None
) -> None:
    """As `serve`, in a loop that runs; `stop` ends it, as a signal does."""
    try:
        from websockets.asyncio.server import serve as listen
    except ImportError as error:
        raise MissingExtra("serve needs websockets; pip install 'rnnedge[serve]'") from error
    metrics = Metrics()
    hub = Hub(model, options, metrics)
    if options.state is not None:
        until = monotonic() + options.keep_s
        hub.kept = {name: (until, kept) for name, kept in read_streams(options.state, model).items()}
    frames, answers = FrameFormat(model.contract), AnswerFormat(model.contract)

    async def handle(socket: Any) -> None:
        hub.sockets += 1
        metrics.sockets.set(hub.sockets)
        try:
            await Connection(socket, hub, frames, answers).run()
        finally:
            hub.sockets -= 1
            metrics.sockets.set(hub.sockets)

    settings: dict[str, Any] = {"max_size": options.message_bytes, "compression": None, "ssl": _tls(options)}
    # What sends no origin is no browser.
    settings |= {
        "origins": [*options.origins, None] if options.origins else None,
        "process_request": _Front(hub, options).answer,
    }
    try:
        server = await listen(handle, options.host, options.port, **settings)
    # A host that is no name is an error of Unicode.
    except (OSError, UnicodeError) as error:
        hub.close()
        place = f"{options.host}:{options.port}"
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"serve: {place}: cannot be listened on ({reason})") from error
    stop = stop or asyncio.Event()
    tick = asyncio.create_task(hub.tick())
    # It ends by an error only: a server that answers nobody is none.
    tick.add_done_callback(lambda _: stop.set())
    port = server.sockets[0].getsockname()[1]
    say(f"serving {model.name} at {'wss' if settings['ssl'] else 'ws'}://{options.host}:{port}{_STREAMS}")
    try:
        await _stopped(stop)
        streams = await hub.drain()
        if options.state is not None:
            write_streams(options.state, model, streams)
            say(f"{options.state}: {len(streams)} streams")
    finally:
        tick.cancel()
        server.close()
        await server.wait_closed()
        hub.close()
    if tick.done() and not tick.cancelled() and (failed := tick.exception()) is not None:
        raise failed


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


class _Front:
    """Answers what is no WebSocket, and turns away whom the server does not take."""

    def __init__(self, hub: Hub, options: ServeOptions) -> None:
        self._hub, self._options = hub, options

    def answer(self, connection: Any, request: Any) -> Any:
        """A response, or None for a WebSocket that may begin."""
        path, _, query = request.path.partition("?")
        if path == "/health":
            return connection.respond(HTTPStatus.OK, "ok\n")
        if path == "/ready":
            busy = "draining" if self._hub.draining else "full" if self._hub.full else ""
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE if busy else HTTPStatus.OK, f"{busy or 'ready'}\n")
        if not self._allowed(request.headers.get("Authorization", ""), query):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "expected Authorization: Bearer TOKEN\n")
        if path == "/metrics":
            return connection.respond(HTTPStatus.OK, self._hub.metrics.text().decode())
        if path == "/v1/model":
            return connection.respond(HTTPStatus.OK, described(self._hub.contract))
        if path != _STREAMS:
            return connection.respond(HTTPStatus.NOT_FOUND, f"no {path[:100]}; there is {_STREAMS}\n")
        if not self._from_here(request.headers.get("Origin")):
            return connection.respond(HTTPStatus.FORBIDDEN, "a page of another machine needs a token, or --origin\n")
        if self._hub.draining or self._hub.sockets >= self._options.sockets:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "no room for another socket\n")
        return None

    def _from_here(self, origin: str | None) -> bool:
        """A browser says which page has opened the socket, and lets any page do so: also one that nobody asked."""
        if origin is None or self._options.token or self._options.origins:
            return True
        try:
            return urlsplit(origin).hostname in _HERE
        except ValueError:
            return False

    def _allowed(self, authorization: str, query: str) -> bool:
        """Browsers cannot set a header of a WebSocket, so that the token may be in the query."""
        token = self._options.token
        given = authorization.removeprefix("Bearer ") or query.removeprefix("token=")
        return not token or hmac.compare_digest(given.encode(), token.encode())
