"""One socket: messages in by one task, answers out by another, so that neither hides the other's backlog."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from contextlib import suppress
from typing import Any

from rnnedge.live.protocol import Packet
from rnnedge.live.protocol.records import FrameFormat, parse_json
from rnnedge.live.server.answers import MESSAGE_BYTES, AnswerFormat, in_a_frame
from rnnedge.live.server.batch import Batch
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.served import Result, ServedStream
from rnnedge.live.server.told import told
from rnnedge_runtime.errors import InputError, RnnEdgeError

# Errors after which a client is a stranger, letters of a stream's name.
_MOST_ERRORS, _LONG_NAME = 100, 200
# Bytes, and letters, of the answers that wait for a client that does not read.
_MOST_WAITING = 1 << 26
# Messages of one client that are read before another one's are.
_TURN = 8


class Connection:
    """The streams of one client; made by `serve` for each socket."""

    def __init__(self, socket: Any, transport: Any, hub: Hub, frames: FrameFormat, answers: AnswerFormat) -> None:
        self._socket, self._hub, self._frames, self._answers = socket, hub, frames, answers
        self._transport = transport
        self._streams: dict[int, ServedStream] = {}
        self._waiting: deque[tuple[str | bytes, int]] = deque()
        self._some = asyncio.Event()
        self._dropped = self._errors = self._size = self._count = 0

    async def run(self) -> None:
        """Until the client goes; its streams are then released."""
        from aiohttp import WSMsgType

        writer = asyncio.create_task(self._write())
        taken = 0
        try:
            while (message := await self._socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
                await self._take(message.data)
                taken += 1
                # A client that has always sent something does not keep the others from being read.
                if taken % _TURN == 0:
                    await asyncio.sleep(0)
        finally:
            writer.cancel()
            # All at once: a round that ends meanwhile takes those out that it has finished.
            await asyncio.gather(*map(self._hub.release, self._streams.values()))

    async def close(self, code: int, reason: str) -> None:
        """End it from here."""
        await self._socket.close(code=code, message=reason.encode())

    def put_records(self, data: bytes, count: int) -> None:
        """Answers, as records; at once if nothing waits for the client to read."""
        if self._waiting or self._transport.get_write_buffer_size():
            self._put(data, count)
        elif not (self._socket.closed or self._transport.is_closing()):
            self._transport.write(in_a_frame(data))

    async def _take(self, message: str | bytes) -> None:
        number: int | None = None
        try:
            if isinstance(message, bytes):
                right = await self._take_equal(message) or await self._take_each(message)
            else:
                given = parse_json(message, "message")
                if not isinstance(given, dict):
                    raise InputError('message: expected an object with a "type"')
                number = _stream_number(given.get("stream", 0))
                await self._order(number, given)
                right = True
        except RnnEdgeError as error:
            self._fail(number, str(error))
            right = False
        self._errors += not right
        if not right and self._errors > _MOST_ERRORS:
            await self.close(1008, "too many errors")

    async def _take_each(self, message: bytes) -> bool:
        """Take records one by one; False if a stream does not take its own, which is an error of it alone."""
        right = True
        for number, packet in self._frames.decode(message, "message"):
            try:
                await self._push(number, packet, True)
            except RnnEdgeError as error:
                self._fail(number, str(error))
                right = False
        return right

    async def _take_equal(self, message: bytes) -> bool:
        """Take records of equal length at once; False, and nothing, if they are not, or there is one only."""
        if (records := self._frames.decode_equal(message)) is None:
            return False
        try:
            streams = [self._streams[number] for number in records.streams]
        except KeyError:
            return False
        if any(stream.ending for stream in streams):
            return False
        count = records.frames.shape[1]
        for stream, first in zip(streams, records.firsts, strict=True):
            stream.records, stream.coming = self, first + count
        batch = Batch([*streams], records.firsts, records.times_s, records.frames)
        for stream in self._hub.submit_batch(batch):
            await self._refuse(stream.number)
        return True

    async def _order(self, number: int, given: dict[str, Any]) -> None:
        kind = given.get("type")
        if kind == "frames":
            coming = self._streams[number].coming if number in self._streams else 0
            await self._push(number, self._frames.from_json(given, "message", coming, time.time()), False)
        elif kind == "open":
            await self._open(number, given)
        elif kind == "finish":
            stream = self._taking(number)
            stream.ending = True
            self._hub.submit(stream, None)
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
        stream.number = number
        self._streams[number] = stream
        self._say({"type": "opened", "stream": number, "id": name, "next": expected})
        return stream

    async def _push(self, number: int, packet: Packet, in_records: bool) -> None:
        # A client with one stream need not open it.
        stream = await self._join(0, "", False) if number == 0 and 0 not in self._streams else self._taking(number)
        stream.records = self if in_records else None
        stream.coming = packet.first + len(packet.frames)
        if not self._hub.submit(stream, packet):
            await self._refuse(number)

    async def _refuse(self, number: int) -> None:
        await self._release(number)
        self._fail(number, f"stream {number}: too many packets wait; closed")

    async def _release(self, number: int) -> None:
        await self._hub.release(self._known(number))
        # A round may have ended it meanwhile.
        self._streams.pop(number, None)

    def _known(self, number: int) -> ServedStream:
        if number not in self._streams:
            raise InputError(f"stream {number}: not open; open it first")
        return self._streams[number]

    def _taking(self, number: int) -> ServedStream:
        stream = self._known(number)
        if stream.ending:
            raise InputError(f"stream {number}: is being finished; wait for the answer to that, then open it again")
        return stream

    def _tell(self, number: int, result: Result) -> None:
        for one in result.outputs:
            if len(one.values):
                stream = self._streams.get(number)
                in_records = stream is not None and stream.records is not None
                self._put(self._answers.record(number, one) if in_records else self._answers.json(number, one))
        if result.finished or result.error:
            self._streams.pop(number, None)
            if result.error:
                self._fail(number, result.error)
            else:
                self._say({"type": "finished", "stream": number})

    def _fail(self, number: int | None, text: str) -> None:
        self._hub.metrics.errors.inc()
        self._say({"type": "error", "stream": number, "message": told(text, self._hub.model.name)})

    def _say(self, fields: dict[str, Any]) -> None:
        self._put(json.dumps(fields))

    def _put(self, message: str | bytes, count: int = 1) -> None:
        # A round answers all streams of a socket at once, before the other task can send.
        most = self._hub.options.answers * max(len(self._streams), 1)
        while self._waiting and (self._count + count > most or self._size + len(message) > _MOST_WAITING):
            _, dropped = self._take_out()
            self._dropped += dropped
            self._hub.metrics.unread.inc(dropped)
        self._waiting.append((message, count))
        self._size += len(message)
        self._count += count
        self._some.set()

    async def _write(self) -> None:
        # The client went away: what it was told is lost.
        with suppress(ConnectionError):
            while True:
                await self._some.wait()
                self._some.clear()
                while self._waiting:
                    message = self._next()
                    await (self._socket.send_str if isinstance(message, str) else self._socket.send_bytes)(message)
                if self._dropped:
                    dropped, self._dropped = self._dropped, 0
                    await self._socket.send_str(json.dumps({"type": "dropped", "answers": dropped}))

    def _next(self) -> str | bytes:
        """The message that waits longest; records that follow one another go together."""
        first, _ = self._take_out()
        if isinstance(first, str):
            return first
        parts, size = [first], len(first)
        while self._waiting and isinstance(self._waiting[0][0], bytes) and size < MESSAGE_BYTES:
            part, _ = self._take_out()
            assert isinstance(part, bytes)
            parts.append(part)
            size += len(part)
        return b"".join(parts)

    def _take_out(self) -> tuple[str | bytes, int]:
        message, count = self._waiting.popleft()
        self._size -= len(message)
        self._count -= count
        return message, count


def _stream_number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 32:
        raise InputError(f"message: stream: expected a number below 2^32, found {str(value)[:40]!r}")
    return value
