"""Another model for a server that runs: `POST /v1/model?share=0.1` with a file, `POST /v1/model/rollback`.

Only for who shows the token of RNNEDGE_ADMIN_TOKEN: a model is a program.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import Any

from rnnedge.live.server.changing import Change
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.options import ServeOptions
from rnnedge_runtime.errors import InputError, RnnEdgeError
from rnnedge_runtime.temporary import temporary_folder

_MODEL = "/v1/model"
_ROLLBACK = f"{_MODEL}/rollback"
_MOST_BYTES = 1 << 30


class Admin:
    """The routes that change what is served."""

    def __init__(self, hub: Hub, options: ServeOptions, change: Change) -> None:
        self._hub, self._token, self._change = hub, options.admin_token, change
        self._turn = asyncio.Lock()

    def table(self) -> list[Any]:
        """For an application of aiohttp."""
        from aiohttp import web

        return [web.post(_MODEL, self._switch), web.post(_ROLLBACK, self._back)]

    def concerns(self, request: Any) -> bool:
        """Whether the request is one of these, so that another token is asked for."""
        return request.method == "POST" and request.path in (_MODEL, _ROLLBACK)

    async def _switch(self, request: Any) -> Any:
        return await self._changed(request, self._received)

    async def _back(self, request: Any) -> Any:
        async def back(_: Any) -> str:
            return await self._change.back(self._hub)

        return await self._changed(request, back)

    async def _changed(self, request: Any, change: Callable[[Any], Any]) -> Any:
        from aiohttp import web

        given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode("utf-8", "replace")
        if not self._token or not hmac.compare_digest(given, self._token.encode()):
            hint = "expected Authorization: Bearer and the RNNEDGE_ADMIN_TOKEN that the server was started with"
            return web.Response(text=f"{hint}\n", status=403)
        try:
            async with self._turn:
                said = await change(request)
        except RnnEdgeError as error:
            return web.Response(text=f"{str(error)[:1000]}\n", status=400)
        return web.Response(text=f"{said}\n")

    async def _received(self, request: Any) -> str:
        """The file of a request is loaded, replays its golden sample, and is served."""
        share = share_of(request.query.get("share", "1"))
        with temporary_folder("posted") as folder:
            path = folder / "posted.onnx"
            with path.open("wb") as file:
                async for part in request.content.iter_chunked(1 << 16):
                    file.write(part)
                    if file.tell() > _MOST_BYTES:
                        raise InputError(f"serve: expected a model of at most {_MOST_BYTES:,} bytes")
            return await self._change.switch(self._hub, path, share)


def share_of(text: str) -> float:
    """A share of new streams. Raises `InputError` unless it is above 0, and at most 1."""
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise InputError(f"serve: share: expected a number above 0, at most 1, found {text[:40]!r}")
    return share
