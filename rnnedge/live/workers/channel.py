"""Questions and answers between two processes of a server, over a pair of sockets: JSON, with its length in front."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from itertools import count
from socket import socket
from typing import Any

from rnnedge.live.stores import NothingKept
from rnnedge_runtime.errors import InputError, RnnEdgeError

Handler = Callable[..., Awaitable[Any]]
_MOST_BYTES = 1 << 30


class Channel:
    """One end; `handlers` answer what the other end asks, each by keywords."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers, self._numbers = handlers, count()
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writer: asyncio.StreamWriter | None = None

    async def open(self, end: socket) -> None:
        """From now on it may be asked."""
        self._reader, self._writer = await asyncio.open_unix_connection(sock=end)

    async def run(self) -> None:
        """Until the other end is closed; what was asked of it fails then."""
        reader = self._reader
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    size = int.from_bytes(await reader.readexactly(4), "little")
                    self._take(json.loads(await reader.readexactly(size)))
        finally:
            if self._writer is not None:
                self._writer.close()
            self._writer = None
            for answer in self._asked.values():
                if not answer.done():
                    answer.set_exception(InputError("serve: the other process has ended"))

    async def ask(self, what: str, **fields: Any) -> Any:
        """The answer. Raises `InputError` as the other end does, or because it is gone."""
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            self._send({"ask": what, "number": number, "fields": fields})
            return await answer
        finally:
            del self._asked[number]

    def tell(self, what: str, **fields: Any) -> None:
        """As `ask`, without an answer; nothing if the other end is gone."""
        with suppress(InputError):
            self._send({"ask": what, "fields": fields})

    def _send(self, message: Mapping[str, Any]) -> None:
        if self._writer is None or self._writer.is_closing():
            raise InputError("serve: the other process has ended")
        data = json.dumps(message).encode()
        if len(data) > _MOST_BYTES:
            raise InputError("serve: too much for one message between processes")
        self._writer.write(len(data).to_bytes(4, "little") + data)

    def _take(self, message: dict[str, Any]) -> None:
        if "ask" in message:
            # Tasks begin in the order of the messages.
            task = asyncio.create_task(self._answer(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif (answer := self._asked.get(message["number"])) is not None and not answer.done():
            if "error" in message:
                kind = NothingKept if message["kept"] is False else InputError
                answer.set_exception(kind(message["error"]))
            else:
                answer.set_result(message["answer"])

    async def _answer(self, message: dict[str, Any]) -> None:
        try:
            said = {"answer": await self._handlers[message["ask"]](**message["fields"])}
        except RnnEdgeError as error:
            said = {"error": str(error), "kept": not isinstance(error, NothingKept)}
        if "number" in message:
            with suppress(InputError):
                self._send({"number": message["number"], **said})
