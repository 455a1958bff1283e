"""Frames out of lines of text: numbers between commas, a JSON array, or a JSON object with number and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from rnnedge.files.numbers import is_header, number
from rnnedge.live.protocol import Packet
from rnnedge.live.protocol.records import FrameFormat, parse_json
from rnnedge_runtime.errors import InputError

LONGEST = 1 << 20


class Readable(Protocol):
    """A file, a socket's file, a serial line."""

    def readline(self, limit: int, /) -> bytes:
        """One line with its end; empty at the end of the source."""


@dataclass
class LineReader:
    """Reads the lines of one source, named `name`; used by one thread.

    A line that cannot be read is told to `tell` and counts as a lost frame; so do later lines of a source that is read
    from the middle of a line. `strict` makes it an `InputError`.
    """

    name: str
    format: FrameFormat
    tell: Callable[[str], None]
    strict: bool = False
    clock: Callable[[], float] = time.time

    def packets(self, file: Readable) -> Iterator[Packet]:
        """A packet a line; frames without a number are counted, those without a time came now."""
        expected, row = 0, 0
        while line := file.readline(LONGEST):
            row += 1
            text = line.strip()
            if not text:
                continue
            try:
                packet = self._packet(text, f"{self.name}, line {row}", expected, row == 1)
            except InputError as error:
                if self.strict:
                    raise
                self.tell(f"{error}; it counts as a lost frame")
                expected += 1
                continue
            if packet is not None:
                expected = packet.first + len(packet.frames)
                yield packet

    def _packet(self, line: bytes, place: str, first: int, may_be_header: bool) -> Packet | None:
        if len(line) >= LONGEST - 1:
            raise InputError(f"{place}: expected a frame, found a line of more than {LONGEST:,} bytes")
        if line[:1] in (b"[", b"{"):
            return self.format.from_json(parse_json(line, place), place, first, self.clock())
        cells = line.decode("utf-8", "replace").split(",")
        if may_be_header and is_header(cells):
            return None
        if len(cells) != self.format.size:
            raise InputError(f"{place}: expected {self.format.size} numbers (one frame), found {len(cells)}")
        try:
            return Packet(self.format.array([[number(cell) for cell in cells]], place), first, self.clock())
        except ValueError as error:
            raise InputError(f"{place}: expected numbers, found {line[:40]!r}") from error
