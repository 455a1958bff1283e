"""One socket: messages in, answers out by another task, so that neither hides the other's backlog."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from rnnedge.live.protocol import Packet
from rnnedge.live.protocol.records import FrameFormat, parse_json
from rnnedge.live.server.answers import PING, AnswerFormat
from rnnedge.live.server.batch import Batch
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.outgoing import Outgoing
from rnnedge.live.server.served import Result, ServedStream
from rnnedge.live.server.told import told
from rnnedge_runtime.errors import InputError, RnnEdgeError

# Errors after which a client is a stranger, letters of a stream's name.
_MOST_ERRORS, _LONG_NAME = 100, 200
# Messages of one client that are read before another one's are.
_TURN = 8


class Connection:
    """The streams of one client; made by `serve` for each socket."""

    def __init__(self, socket: Any, transport: Any, hub: Hub, frames: FrameFormat, answers: AnswerFormat) -> None:
        self._socket, self._hub, self._frames, self._answers = socket, hub, frames, answers
        # Messages that need not be waited for are taken as they are read.
        self._tap = getattr(socket, "tap", None)
        self._asked = False
        self._transport = transport
        self._streams: dict[int, ServedStream] = {}
        self._outgoing = Outgoing(socket, transport, hub, self._streams)
        self._errors = 0

    async def run(self) -> None:
        """Until the client goes; its streams are then released."""
        from aiohttp import WSMsgType

        writer = asyncio.create_task(self._outgoing.write())
        taken = 0
        if self._tap is not None:
            self._tap.take = self._take_at_once
        try:
            while (message := await self._socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
                await self._take(message.data)
                taken += 1
                if self._tap is not None:
                    self._tap.behind -= 1
                # A client that has always sent something does not keep the others from being read.
                if taken % _TURN == 0:
                    await asyncio.sleep(0)
        finally:
            writer.cancel()
            if self._tap is not None:
                self._tap.take = None
            # All at once: a round that ends meanwhile takes those out that it has finished.
            await asyncio.gather(*map(self._hub.release, self._streams.values()))

    async def close(self, code: int, reason: str) -> None:
        """End it from here."""
        await self._socket.close(code=code, message=reason.encode())

    def beat(self) -> None:
        """A client that has said nothing since the last time is asked whether it is there, then given up."""
        if self._tap is None or self._tap.heard or self._transport.is_closing():
            self._asked = False
        elif self._asked:
            self._transport.abort()
        else:
            self._asked = True
            self._transport.write(PING)
        if self._tap is not None:
            self._tap.heard = False

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

    def _take_at_once(self, message: bytes) -> bool:
        """Take records of streams that are open; False, and nothing, where there is more to do than that."""
        if (one := self._frames.number_of_one(message)) is None:
            # One that is refused would have to be closed, which takes time.
            batch = None if self._hub.options.full == "close" else self._batch(message)
            if batch is not None:
                self._hub.submit_batch(batch)
            return batch is not None
        stream = self._streams.get(one[0])
        if stream is None or stream.ending or not self._hub.submit_record(stream, message):
            return False
        stream.records, stream.coming = self._outgoing, one[1]
        return True

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
        if (batch := self._batch(message)) is None:
            return False
        for stream in self._hub.submit_batch(batch):
            await self._refuse(stream.number)
        return True

    def _batch(self, message: bytes) -> Batch | None:
        """Records of equal length, of streams that take them."""
        if (records := self._frames.decode_equal(message)) is None:
            return None
        try:
            streams = [self._streams[number] for number in records.streams]
        except KeyError:
            return None
        if any(stream.ending for stream in streams):
            return None
        count = records.frames.shape[1]
        for stream, first in zip(streams, records.firsts, strict=True):
            stream.records, stream.coming = self._outgoing, first + count
        return Batch([*streams], records.firsts, records.times_s, records.frames)

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
            self._outgoing.say({"type": "closed", "stream": number})
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
        self._outgoing.say({"type": "opened", "stream": number, "id": name, "next": expected})
        return stream

    async def _push(self, number: int, packet: Packet, in_records: bool) -> None:
        # A client with one stream need not open it.
        stream = await self._join(0, "", False) if number == 0 and 0 not in self._streams else self._taking(number)
        stream.records = self._outgoing if in_records else None
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
                self._outgoing.put(self._answers.record(number, one) if in_records else self._answers.json(number, one))
        if result.finished or result.error:
            self._streams.pop(number, None)
            if result.error:
                self._fail(number, result.error)
            else:
                self._outgoing.say({"type": "finished", "stream": number})

    def _fail(self, number: int | None, text: str) -> None:
        self._hub.metrics.errors.inc()
        self._outgoing.say({"type": "error", "stream": number, "message": told(text, self._hub.model.name)})


def _stream_number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 32:
        raise InputError(f"message: stream: expected a number below 2^32, found {str(value)[:40]!r}")
    return value
