"""One socket: messages in by one task, answers out by another, so that neither hides the other's backlog."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from typing import Any

from rnnedge.live.protocol import Packet
from rnnedge.live.protocol.records import FrameFormat, parse_json
from rnnedge.live.server.answers import AnswerFormat
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.streams import Result, ServedStream
from rnnedge_runtime.errors import InputError, RnnEdgeError

# Errors after which a client is a stranger, bytes of a message of answers, letters of a stream's name.
_MOST_ERRORS, _MESSAGE_BYTES, _LONG_NAME = 100, 1 << 18, 200
# Bytes, and letters, of the answers that wait for a client that does not read.
_MOST_WAITING = 1 << 26


class Connection:
    """The streams of one client; made by `serve` for each socket."""

    def __init__(self, socket: Any, hub: Hub, frames: FrameFormat, answers: AnswerFormat) -> None:
        self._socket, self._hub, self._frames, self._answers = socket, hub, frames, answers
        self._streams: dict[int, ServedStream] = {}
        self._binary: set[int] = set()
        self._waiting: deque[str | bytes] = deque()
        self._some = asyncio.Event()
        self._dropped = self._errors = self._size = 0

    async def run(self) -> None:
        """Until the client goes; its streams are then released."""
        from websockets.exceptions import ConnectionClosed

        writer = asyncio.create_task(self._write())
        try:
            async for message in self._socket:
                await self._take(message)
                # A client that has always sent something does not keep the others from being read.
                await asyncio.sleep(0)
        except ConnectionClosed:
            pass
        finally:
            writer.cancel()
            # All at once: a round that ends meanwhile takes those out that it has finished.
            await asyncio.gather(*map(self._hub.release, self._streams.values()))

    async def _take(self, message: str | bytes) -> None:
        number: int | None = None
        try:
            if isinstance(message, bytes):
                for number, packet in self._frames.decode(message, "message"):
                    self._binary.add(number)
                    await self._push(number, packet)
                return
            given = parse_json(message, "message")
            if not isinstance(given, dict):
                raise InputError('message: expected an object with a "type"')
            number = _stream_number(given.get("stream", 0))
            await self._order(number, given)
        except RnnEdgeError as error:
            self._fail(number, str(error))
            if self._errors > _MOST_ERRORS:
                await self._socket.close(1008, "too many errors")

    async def _order(self, number: int, given: dict[str, Any]) -> None:
        kind = given.get("type")
        if kind == "frames":
            self._binary.discard(number)
            stream = self._streams.get(number)
            expected = (stream.sequence.expected or 0) if stream is not None else 0
            await self._push(number, self._frames.from_json(given, "message", expected, time.time()))
        elif kind == "open":
            await self._open(number, given)
        elif kind == "finish":
            self._hub.submit(self._known(number), None)
        elif kind == "close":
            await self._release(number)
            self._say({"type": "closed", "stream": number})
        else:
            raise InputError(f"message: expected type open, frames, finish or close, found {str(kind)[:40]!r}")

    async def _open(self, number: int, given: dict[str, Any]) -> None:
        name = given.get("id", "")
        if not isinstance(name, str) or len(name) > _LONG_NAME:
            raise InputError(f"open: id: expected text of at most {_LONG_NAME} letters")
        if number in self._streams:
            raise InputError(f"open: stream {number} is open; finish or close it first")
        await self._join(number, name, given.get("resume") is True)

    async def _join(self, number: int, name: str, resume: bool) -> ServedStream:
        stream, expected = await self._hub.open(name, resume, lambda result: self._tell(number, result))
        self._streams[number] = stream
        self._say({"type": "opened", "stream": number, "id": name, "next": expected})
        return stream

    async def _push(self, number: int, packet: Packet) -> None:
        # A client with one stream need not open it.
        stream = await self._join(0, "", False) if number == 0 and 0 not in self._streams else self._known(number)
        if not self._hub.submit(stream, packet):
            await self._release(number)
            raise InputError(f"stream {number}: too many packets wait; closed")

    async def _release(self, number: int) -> None:
        await self._hub.release(self._known(number))
        # A round may have ended it meanwhile.
        self._streams.pop(number, None)
        self._binary.discard(number)

    def _known(self, number: int) -> ServedStream:
        if number not in self._streams:
            raise InputError(f"stream {number}: not open; open it first")
        return self._streams[number]

    def _tell(self, number: int, result: Result) -> None:
        for one in result.outputs:
            if len(one.values):
                binary = number in self._binary
                self._put(self._answers.record(number, one) if binary else self._answers.json(number, one))
        if result.finished or result.error:
            self._streams.pop(number, None)
            self._binary.discard(number)
            if result.error:
                self._fail(number, result.error)
            else:
                self._say({"type": "finished", "stream": number})

    def _fail(self, number: int | None, text: str) -> None:
        self._errors += 1
        self._hub.metrics.errors.inc()
        self._say({"type": "error", "stream": number, "message": text[:1000]})

    def _say(self, fields: dict[str, Any]) -> None:
        self._put(json.dumps(fields))

    def _put(self, message: str | bytes) -> None:
        # A round answers all streams of a socket at once, before the other task can send.
        most = self._hub.options.answers * max(len(self._streams), 1)
        while self._waiting and (len(self._waiting) >= most or self._size + len(message) > _MOST_WAITING):
            self._take_out()
            self._dropped += 1
            self._hub.metrics.unread.inc()
        self._waiting.append(message)
        self._size += len(message)
        self._some.set()

    async def _write(self) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                await self._some.wait()
                self._some.clear()
                while self._waiting:
                    await self._socket.send(self._next())
                if self._dropped:
                    dropped, self._dropped = self._dropped, 0
                    await self._socket.send(json.dumps({"type": "dropped", "answers": dropped}))
        except ConnectionClosed:
            pass

    def _next(self) -> str | bytes:
        """The message that waits longest; records that follow one another go together."""
        first = self._take_out()
        if isinstance(first, str):
            return first
        parts, size = [first], len(first)
        while self._waiting and isinstance(self._waiting[0], bytes) and size < _MESSAGE_BYTES:
            part = self._take_out()
            assert isinstance(part, bytes)
            parts.append(part)
            size += len(part)
        return b"".join(parts)

    def _take_out(self) -> str | bytes:
        message = self._waiting.popleft()
        self._size -= len(message)
        return message


def _stream_number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 32:
        raise InputError(f"message: stream: expected a number below 2^32, found {str(value)[:40]!r}")
    return value
