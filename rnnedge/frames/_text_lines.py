"""Frames out of text, a line each, see `rnnedge.frames._rows`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from rnnedge.frames._rows import SOUND, Rows
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import InputError

# Letters of a line at least, and for each number; what is longer is no frame, and may have no end.
_LONG_LINE, _LONG_NUMBER = 1 << 20, 64


def read_lines(file: IO[str], name: str, contract: Contract, at_once: int, decimal: str = ".") -> Iterator[Array]:
    """The frames of `file`, passed on `at_once` at a time; empty lines are left out, but counted."""
    reader, rows = Rows(contract, decimal), list[list[float]]()
    for count, text in _lines(file, name, max(_LONG_LINE, _LONG_NUMBER * reader.size)):
        rows += reader.numbers(text, f"{name}, row {count}")
        if len(rows) >= at_once:
            yield reader.array(rows)
            rows = []
    if rows:
        yield reader.array(rows)


def _lines(file: IO[str], name: str, longest: int) -> Iterator[tuple[int, str]]:
    """The number of each line that is not empty, from 1, and what stands in it."""
    count = 0
    while line := file.readline(longest):
        count += 1
        if "\0" in line:
            raise InputError(
                f"{name}, row {count}: expected text in UTF-8, found NUL, as in UTF-16; save it as UTF-8{SOUND}"
            )
        if len(line) == longest and not line.endswith(("\n", "\r")):
            raise InputError(f"{name}, row {count}: expected a frame, found a line of more than {longest:,} letters")
        if text := line.strip():
            yield count, text
