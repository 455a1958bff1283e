"""Packets out of lines of text, each of which may be damaged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from rnnedge.live.protocol import Packet
from rnnedge.live.sources._texts import Texts
from rnnedge_runtime.contract import Contract
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
    contract: Contract
    tell: Callable[[str], None]
    strict: bool = False
    decimal: str = "."
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        """Raise `InputError` for a model with several inputs."""
        self._begin()

    def packets(self, file: Readable) -> Iterator[Packet]:
        """A packet a line; frames without a number are counted, those without a time came now."""
        texts = self._begin()
        expected, row = 0, 0
        while line := file.readline(LONGEST):
            row += 1
            if not line.strip():
                continue
            try:
                packet = self._packet(line, f"{self.name}, line {row}", expected, texts)
            except InputError as error:
                if self.strict:
                    raise
                self.tell(f"{error}; it counts as a lost frame")
                expected += 1
                continue
            if packet is not None:
                expected = packet.first + len(packet.frames)
                yield packet

    def _begin(self) -> Texts:
        return Texts(self.contract, self.decimal, self.clock)

    @staticmethod
    def _packet(line: bytes, place: str, first: int, texts: Texts) -> Packet | None:
        if len(line) >= LONGEST:
            raise InputError(f"{place}: expected a frame, found a line of more than {LONGEST:,} bytes")
        return texts.packet(line.decode("utf-8-sig", "replace"), place, first)
