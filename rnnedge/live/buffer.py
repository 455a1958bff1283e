"""A bounded queue between a source, which does not wait, and the stream."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Literal, get_args

from rnnedge.live.protocol import Packet
from rnnedge_runtime.arguments import choice, integer

Full = Literal["block", "drop-oldest", "drop-newest"]


class Buffer:
    """Packets from one thread to another; made by its caller, which starts `fill` in a thread and reads the buffer.

    `full` is what a further packet does if `most` of them wait: "block" waits for room, "drop-oldest" drops the one
    that waits longest, "drop-newest" itself. A dropped packet leaves a hole in the numbers, a gap of the stream.
    """

    def __init__(self, most: int = 64, full: Full = "drop-oldest") -> None:
        """Raises `InputError` for settings that do not exist."""
        self._most = integer(most, "live: queue", 1)
        self._full = choice(full, "live: full", get_args(Full))
        self._waiting: deque[Packet] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._error: BaseException | None = None
        self.dropped = 0

    def fill(self, packets: Iterable[Packet]) -> None:
        """All of them, until they end or the reader does; what they raise is raised in the reader."""
        try:
            for packet in packets:
                if not self._put(packet):
                    return
        except BaseException as error:
            self._error = error
        finally:
            self.end()

    def end(self) -> None:
        """No more comes; a thread that waits is let go."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Packet]:
        """Packets in their order, as they come."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if not self._waiting:
                    break
                packet = self._waiting.popleft()
                self._changed.notify_all()
            yield packet
        if self._error is not None:
            raise self._error

    def _put(self, packet: Packet) -> bool:
        with self._changed:
            if len(self._waiting) >= self._most and self._full == "block":
                self._changed.wait_for(lambda: len(self._waiting) < self._most or self._ended)
            if self._ended:
                return False
            if len(self._waiting) >= self._most:
                gone = packet if self._full == "drop-newest" else self._waiting.popleft()
                self.dropped += len(gone.frames)
                if gone is packet:
                    return True
            self._waiting.append(packet)
            self._changed.notify_all()
            return True
