"""Standard input: a WAV file by how it begins, raw samples if asked for, else lines of text."""

from __future__ import annotations

import io
import sys
from contextlib import nullcontext
from typing import IO, Any, cast

_NAMES = (b"RIFF", b"RF64")


class Prefixed(io.RawIOBase):
    """`first`, and then what `rest` still has; one read of `rest` for each of this, so that a live pipe stays live."""

    def __init__(self, first: bytes, rest: IO[bytes]) -> None:
        """Lives as long as `rest`, which it leaves open."""
        self._first, self._rest = first, rest

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Into `buffer`; returns how many bytes, 0 at the end."""
        read = getattr(self._rest, "read1", self._rest.read)
        data, self._first = (self._first, b"") if self._first else (read(len(buffer)), b"")
        data, self._first = data[: len(buffer)], data[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def begins_with_wav(file: IO[bytes]) -> tuple[bool, IO[bytes]]:
    """Whether `file` begins as a WAV file does, and all of it; no more is waited for than it takes to tell."""
    first = b""
    while len(first) < 4 and any(name.startswith(first) for name in _NAMES):
        byte = file.read(1)
        if not byte:
            break
        first += byte
    return first in _NAMES, io.BufferedReader(Prefixed(first, file))


def as_text(file: IO[bytes]) -> nullcontext[IO[str]]:
    """Lines of UTF-8; what is none is replaced, as the reader of lines wants it."""
    return nullcontext(io.TextIOWrapper(cast("Any", file), encoding="utf-8-sig", errors="replace"))


def binary() -> IO[bytes] | None:
    """Standard input as bytes; None where a program has put text in its place."""
    return getattr(sys.stdin, "buffer", None)
