"""Streams that are kept in Redis, so that another server goes on with them.

`rnnedge:stream:NAME` is where a stream stands, as JSON, for `keep_s` after it was last said. `rnnedge:open:NAME` is the
server that has it open, and `rnnedge:server:ID` says for a few seconds that this server is alive: one that has died
holds nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar
from uuid import uuid4

from rnnedge.live.protocol.records import parse_json
from rnnedge.live.stores.rows import packed, unpacked
from rnnedge.live.stores.store import Kept, in_use, nothing_kept
from rnnedge_runtime import Model
from rnnedge_runtime.errors import InputError, MissingExtra

_T = TypeVar("_T")
_STREAM, _OPEN, _SERVER = "rnnedge:stream:", "rnnedge:open:", "rnnedge:server:"
# A server that has not said for `_ALIVE_S` that it is alive is not; it says so every `_BEAT_S`.
_ALIVE_S, _BEAT_S = 2.0, 0.5
# What is answered within this time, or not at all.
_PATIENCE_S = 5.0


class RedisStore:
    """As `Store`; `begin` it first."""

    def __init__(self, url: str, keep_s: float, model: Model) -> None:
        """Raises `MissingExtra` without redis, `InputError` for an address that is none."""
        try:
            from redis.asyncio import Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import ExponentialBackoff
            from redis.exceptions import ConnectionError as NotConnected
            from redis.exceptions import RedisError, TimeoutError, WatchError
        except ImportError as error:
            raise MissingExtra("serve --state redis:// needs redis; pip install 'rnnedge[redis]'") from error
        self._errors, self._changed = (RedisError, OSError), WatchError
        # A broken connection is made again a few times.
        more: dict[str, Any] = {
            "socket_timeout": _PATIENCE_S,
            "socket_connect_timeout": _PATIENCE_S,
            "retry": Retry(ExponentialBackoff(cap=0.5, base=0.05), 5),
            "retry_on_error": [NotConnected, TimeoutError],
        }
        self._place, self._keep_ms = _shown(url), max(int(keep_s * 1000), 1)
        try:
            self._redis = Redis.from_url(url, **more)
        except (ValueError, TypeError) as error:
            raise InputError(f"serve: {self._place}: is no address of Redis ({error})") from error
        self._model, self._outputs = model.digest, {port.name for port in model.contract.outputs}
        self._id = uuid4().hex
        self._beat: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Say that this server is alive, from now on. Raises `InputError` if Redis cannot be reached."""
        await self._asked(self._alive)
        self._beat = asyncio.create_task(self._beats())

    async def claim(self, name: str, resume: bool) -> Kept | None:
        """As `Store.claim`."""
        return await self._asked(lambda: self._claim(name, resume))

    async def put(self, name: str, kept: Kept, still_open: bool = False) -> None:
        """As `Store.put`; nothing if another server has opened the stream meanwhile."""
        text = json.dumps(packed(kept))

        def change(batch: Any) -> None:
            batch.set(_STREAM + name, text, px=self._keep_ms)
            if still_open:
                batch.set(_OPEN + name, self._id)
            else:
                batch.delete(_OPEN + name)

        await self._asked(lambda: self._held(name, change, lost=True))

    async def free(self, name: str, keep: bool) -> None:
        """As `Store.free`."""
        keys = [_OPEN + name] + ([] if keep else [_STREAM + name])
        await self._asked(lambda: self._held(name, lambda batch: batch.delete(*keys)))

    async def close(self) -> str:
        """As `Store.close`."""
        if self._beat is not None:
            self._beat.cancel()
        with suppress(*self._errors):
            await self._redis.delete(_SERVER + self._id)
            await self._redis.aclose()
        return ""

    async def _claim(self, name: str, resume: bool) -> Kept | None:
        async with self._redis.pipeline() as batch:
            while True:
                await batch.watch(_OPEN + name, _STREAM + name)
                holder = await batch.get(_OPEN + name)
                if holder is not None and await batch.exists(_SERVER + _text(holder)):
                    raise in_use(name)
                text = await batch.get(_STREAM + name) if resume else None
                if resume and text is None:
                    raise nothing_kept(name)
                # Before it is open here: what cannot be read can be begun again.
                kept = None if text is None else self._read(name, _text(text))
                batch.multi()  # type: ignore[no-untyped-call]
                batch.set(_OPEN + name, self._id)
                if resume:
                    batch.pexpire(_STREAM + name, self._keep_ms)
                else:
                    batch.delete(_STREAM + name)
                with suppress(self._changed):
                    await batch.execute()
                    return kept

    async def _held(self, name: str, change: Callable[[Any], Any], lost: bool = False) -> None:
        """Make the changes if this server has the stream open; with `lost` also if Redis has lost everything of it."""
        async with self._redis.pipeline() as batch:
            while True:
                await batch.watch(_OPEN + name, _STREAM + name)
                holder = await batch.get(_OPEN + name)
                forgotten = lost and holder is None and not await batch.exists(_STREAM + name)
                if holder != self._id.encode() and not forgotten:
                    return
                batch.multi()  # type: ignore[no-untyped-call]
                change(batch)
                with suppress(self._changed):
                    await batch.execute()
                    return

    def _read(self, name: str, text: str) -> Kept:
        place = f"stream {name!r} in Redis"
        try:
            fields = parse_json(text, place)
            return unpacked(fields, self._outputs, place) | {"model": str(fields["model"])}
        except InputError:
            raise
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise InputError(f"{place}: expected what rnnedge serve wrote ({error}); begin the stream again") from error

    async def _alive(self) -> None:
        await self._redis.set(_SERVER + self._id, self._model, px=int(_ALIVE_S * 1000))

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_S)
            # If Redis is gone, who asks for a stream is told.
            with suppress(*self._errors):
                await self._alive()

    async def _asked(self, question: Callable[[], Awaitable[_T]]) -> _T:
        try:
            return await question()
        except self._errors as error:
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise InputError(f"{self._place}: cannot be asked ({reason})") from error


def _text(found: bytes | str) -> str:
    return found if isinstance(found, str) else found.decode("utf-8", "replace")


def _shown(url: str) -> str:
    """An address without its password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
