"""What goes to one client: at once if it reads, and else in a queue with a size."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sized
from contextlib import suppress
from typing import Any

from rnnedge.live.server.answers import MESSAGE_BYTES, in_a_frame
from rnnedge.live.server.hub import Hub

# Bytes, and letters, of the answers that wait for a client that does not read.
_MOST_WAITING = 1 << 26


class Outgoing:
    """The messages of one socket; made by its connection, which runs `write`. `streams`: those that are answered."""

    def __init__(self, socket: Any, transport: Any, hub: Hub, streams: Sized) -> None:
        self._socket, self._transport, self._hub, self._streams = socket, transport, hub, streams
        self._waiting: deque[tuple[str | bytes, int]] = deque()
        self._some = asyncio.Event()
        self._dropped = self._size = self._count = 0

    def put_records(self, data: bytes, count: int) -> None:
        """Answers, as records; at once if nothing waits for the client to read."""
        if self._waiting or self._transport.get_write_buffer_size():
            self.put(data, count)
        elif not (self._socket.closed or self._transport.is_closing()):
            self._transport.write(in_a_frame(data))

    def say(self, fields: dict[str, Any]) -> None:
        """A message in JSON."""
        self.put(json.dumps(fields))

    def put(self, message: str | bytes, count: int = 1) -> None:
        """A message that has `count` answers; the oldest ones are let go if too many wait."""
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

    async def write(self) -> None:
        """Send what waits, as long as the client is there."""
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
