"""Frames out of text, a line each: numbers between commas, or a JSON array where the line begins with "["."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from rnnedge.files.numbers import is_header, is_number, number
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import InputError

# Tokens: every integer dtype of a contract holds them.
_TOO_LARGE = 1 << 31
# Letters of a line at least, and for each number; what is longer is no frame, and may have no end.
_LONG_LINE, _LONG_NUMBER = 1 << 20, 64
_SOUND = "; samples of sound are read with --raw s16le"


def read_lines(file: IO[str], name: str, contract: Contract, at_once: int) -> Iterator[Array]:
    """The frames of `file`, passed on `at_once` at a time; empty lines are left out, but counted.

    The first line may be a header, see `rnnedge.files.numbers.is_header`, of a name for each number.
    """
    port = contract.inputs[0]
    width = int(np.prod([d for d in port.frame_shape if isinstance(d, int)], dtype=int))
    read = _number if port.dtype.startswith("float") else _whole_number
    rows: list[list[float]] = []
    first = True
    for count, text in _lines(file, name, max(_LONG_LINE, _LONG_NUMBER * width)):
        place = f"{name}, row {count}"
        cells = _cells(text, place)
        header = first and not text.startswith("[") and is_header(cells)
        first = False
        if len(cells) != width:
            what = f"{width} names in a header or {width} numbers" if header else f"{width} numbers"
            raise InputError(f"{place}: expected {what} (one frame), found {len(cells)}{_hint(cells)}{_sound(text)}")
        if header:
            continue
        rows.append([read(cell, f"{place}, column {i}") for i, cell in enumerate(cells, 1)])
        if len(rows) >= at_once:
            yield _array(rows, contract)
            rows = []
    if rows:
        yield _array(rows, contract)


def _lines(file: IO[str], name: str, longest: int) -> Iterator[tuple[int, str]]:
    """The number of each line that is not empty, from 1, and what stands in it."""
    count = 0
    while line := file.readline(longest):
        count += 1
        if "\0" in line:
            raise InputError(
                f"{name}, row {count}: expected text in UTF-8, found NUL, as in UTF-16; save it as UTF-8{_SOUND}"
            )
        if len(line) == longest and not line.endswith(("\n", "\r")):
            raise InputError(f"{name}, row {count}: expected a frame, found a line of more than {longest:,} letters")
        if text := line.strip():
            yield count, text


def _cells(text: str, place: str) -> list[Any]:
    if not text.startswith("["):
        try:
            return next(csv.reader([text], strict=True))
        except csv.Error as error:
            raise InputError(f"{place}: expected numbers between commas ({error}){_sound(text)}") from error
    try:
        return list(_flat(json.loads(text)))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: expected a JSON array of numbers ({error})") from error


def _flat(value: Any) -> Iterator[float]:
    """The numbers of a nested array, in their order. Raises `ValueError` for anything else in it."""
    if isinstance(value, list):
        for part in value:
            yield from _flat(part)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value
    else:
        raise ValueError(f"found {str(value)[:40]!r} in it")


def _sound(text: str) -> str:
    """Bytes that are no text may be samples."""
    return _SOUND if "\ufffd" in text else ""


def _hint(cells: list[Any]) -> str:
    """Numbers that stand together in one cell are between other signs than commas."""
    if len(cells) == 1 and isinstance(cells[0], str):
        for sign, word in ((";", "';'"), ("\t", "tabs"), ("|", "'|'"), (None, "spaces")):
            parts = cells[0].split(sign)
            if len(parts) > 1 and all(is_number(part.replace(",", ".")) for part in parts):
                return f" between {word}; write commas"
    return ""


def _number(cell: Any, place: str) -> float:
    try:
        return number(cell) if isinstance(cell, str) else float(cell)
    except (ValueError, OverflowError):
        raise InputError(f"{place}: expected a number, found {str(cell)[:40]!r}{_sound(str(cell))}") from None


def _whole_number(cell: Any, place: str) -> int:
    found = _number(cell, place)
    if not found.is_integer() or abs(found) >= _TOO_LARGE:
        raise InputError(f"{place}: expected a whole number, found {str(cell)[:40]!r}")
    return int(found)


def _array(rows: list[list[float]], contract: Contract) -> Array:
    # What is too large for the dtype becomes an infinity, which `push` refuses with its frame and feature.
    with np.errstate(over="ignore"):
        port = contract.inputs[0]
        return np.array(rows, port.dtype).reshape(-1, *(int(d) for d in port.frame_shape))
