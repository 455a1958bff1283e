"""What is at which path: `/health`, `/ready`, `/metrics`, `/v1/model`, `/v1/streams`, `/v2`; and who may."""

from __future__ import annotations

import asyncio
import hmac
import logging
from typing import Any
from urllib.parse import urlsplit

from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.server.admin import Admin
from rnnedge.live.server.answers import AnswerFormat, described
from rnnedge.live.server.changing import Change
from rnnedge.live.server.connection import Connection
from rnnedge.live.server.direct_socket import open_socket
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.kserve import KServe
from rnnedge.live.server.options import ServeOptions

_LOG = logging.getLogger(__name__)
STREAMS = "/v1/streams"
_OPEN_TO_ALL = ("/health", "/ready", "/v2/health/live", "/v2/health/ready")
# Hosts of pages that are of this machine.
_HERE = ("localhost", "127.0.0.1", "::1")
# A client that says nothing for so long is asked whether it is there.
_HEARTBEAT_S = 30.0
# How long a connection may take to ask for something.
_SILENT_S = 10.0


class Routes:
    """The answers of one server."""

    def __init__(self, hub: Hub, options: ServeOptions, name: str, change: Change) -> None:
        self._hub, self._options = hub, options
        self._frames, self._answers = FrameFormat(hub.contract), AnswerFormat(hub.contract)
        self.kserve = KServe(hub, name, self._frames)
        self._admin = Admin(hub, options, change)
        self._connections: set[Connection] = set()
        # Connections that have not asked for anything, and what ends them for it.
        self._silent: dict[Any, asyncio.TimerHandle] = {}

    def table(self) -> list[Any]:
        """For an application of aiohttp."""
        from aiohttp import web

        return [
            web.get("/health", self._health),
            web.get("/ready", self._ready),
            web.get("/metrics", self._metrics),
            web.get("/v1/model", self._model),
            web.get(STREAMS, self._streams),
            *self.kserve.table(),
            *self._admin.table(),
        ]

    @property
    def guard(self) -> Any:
        """A middleware: turns away who shows no token and pages of others, and says in a line what there is not."""
        from aiohttp import web

        @web.middleware
        async def guard(request: Any, handler: Any) -> Any:
            if (timer := self._silent.pop(request.protocol, None)) is not None:
                timer.cancel()
            free = request.path in _OPEN_TO_ALL or self._admin.concerns(request)
            if not free and not self._allowed(request):
                return _text("expected Authorization: Bearer TOKEN", 401)
            if not free and not self._from_here(request.headers.get("Origin")):
                return _text("a page of another machine needs a token, or --origin", 403)
            try:
                return await handler(request)
            except web.HTTPException as error:
                found = f"no {request.path[:100]}; there is {STREAMS}" if error.status == 404 else error.reason
                return _text(found, error.status)
            except web.RequestPayloadError as error:
                return _text(f"the request cannot be read ({str(error)[:100]})".replace("\n", " "), 400)
            except ConnectionError:
                # No defect: the client has gone, and nobody reads this.
                return _text("the client has gone", 400)
            except Exception:
                # Ours, not the client's.
                _LOG.exception("serve: %s", request.path)
                raise

        return guard

    def watch(self, protocol: Any) -> None:
        """End a connection that does not ask for anything: it is half open, or a stranger's."""
        self._silent[protocol] = asyncio.get_running_loop().call_later(_SILENT_S, self._turn_away, protocol)

    async def heartbeats(self) -> None:
        """Clients that have gone without a word are given up, as long as the server runs."""
        while True:
            await asyncio.sleep(_HEARTBEAT_S)
            for one in list(self._connections):
                one.beat()

    async def close(self) -> None:
        """End all sockets."""
        await asyncio.gather(*(one.close(1001, "the server stops") for one in list(self._connections)))

    async def _health(self, request: Any) -> Any:
        return _text("ok")

    async def _ready(self, request: Any) -> Any:
        busy = "draining" if self._hub.draining else "full" if self._hub.full else ""
        return _text(busy or "ready", 503 if busy else 200)

    async def _metrics(self, request: Any) -> Any:
        return _text(self._hub.metrics.text().decode())

    async def _model(self, request: Any) -> Any:
        return _text(described(self._hub.model, self._hub.shares), kind="application/json")

    async def _streams(self, request: Any) -> Any:
        if self._hub.draining or self._hub.sockets >= self._options.sockets:
            return _text("no room for another socket", 503)
        socket = open_socket(self._options.message_bytes, _HEARTBEAT_S)
        await socket.prepare(request)
        connection = Connection(socket, request.transport, self._hub, self._frames, self._answers)
        self._connections.add(connection)
        self._count(1)
        try:
            await connection.run()
        finally:
            self._count(-1)
            self._connections.discard(connection)
        return socket

    def _turn_away(self, protocol: Any) -> None:
        self._silent.pop(protocol, None)
        if protocol.transport is not None:
            protocol.transport.abort()

    def _count(self, change: int) -> None:
        self._hub.sockets += change
        self._hub.metrics.sockets.set(self._hub.sockets)

    def _from_here(self, origin: str | None) -> bool:
        """A browser says which page asks, and lets any page open sockets and post: also one that nobody asked."""
        # What sends no origin is no browser.
        if origin is None:
            return True
        if self._options.origins:
            return origin in self._options.origins
        if self._options.token:
            return True
        try:
            return urlsplit(origin).hostname in _HERE
        except ValueError:
            return False

    def _allowed(self, request: Any) -> bool:
        """Browsers cannot set a header of a WebSocket, so that the token may be in the query."""
        token = self._options.token
        authorization = request.headers.get("Authorization", "")
        given = authorization.removeprefix("Bearer ") or request.query.get("token", "")
        return not token or hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _text(text: str, status: int = 200, kind: str = "text/plain") -> Any:
    from aiohttp import web

    return web.Response(text=f"{text.rstrip()}\n", status=status, content_type=kind)
