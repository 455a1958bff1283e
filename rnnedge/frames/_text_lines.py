"""Frames out of text, a line each: a row of numbers, or a JSON array where the line begins with "[".

Between the numbers of a row are commas, or what the first line has: semicolons, tabs, or, between numbers only, spaces.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from rnnedge.files.nested import flat, shape_of
from rnnedge.files.numbers import is_header, is_number, number
from rnnedge.frames._columns import columns_by_name, feature_names
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.json_objects import once

# Tokens: every integer dtype of a contract holds them.
_TOO_LARGE = 1 << 31
# Letters of a line at least, and for each number; what is longer is no frame, and may have no end.
_LONG_LINE, _LONG_NUMBER = 1 << 20, 64
_SHOWN = 8
_QUOTED = re.compile(r'"[^"]*"')
_OTHER_SIGN = " between '|'; write commas"
_SOUND = "; samples of sound are read with --raw s16le"


def read_lines(file: IO[str], name: str, contract: Contract, at_once: int) -> Iterator[Array]:
    """The frames of `file`, passed on `at_once` at a time; empty lines are left out, but counted.

    The first line may be a header, see `rnnedge.files.numbers.is_header`, of a name for each number. If it has the
    names of the model's features, they are taken by name, and other columns are left out; so are those of JSON objects.
    """
    port = contract.inputs[0]
    width = int(np.prod([d for d in port.frame_shape if isinstance(d, int)], dtype=int))
    read = _number if port.dtype.startswith("float") else _whole_number
    rows: list[list[float]] = []
    columns: list[int] | None = None
    there, first, sign = width, True, ","
    for count, text in _lines(file, name, max(_LONG_LINE, _LONG_NUMBER * width)):
        place = f"{name}, row {count}"
        if text.startswith(("[", "{")):
            for frame in _json_frames(text, place, width, contract):
                rows.append([read(cell, f"{place}, column {i}") for i, cell in enumerate(frame, 1)])
        else:
            sign = _sign(text) if first else sign
            cells = text.split() if sign == " " else _cells(text, place, sign)
            header = first and is_header(cells)
            if header and (columns := columns_by_name(cells, contract, name)) is not None:
                there = len(cells)
            if len(cells) != there:
                raise InputError(f"{place}: {_expected(there, header)}, {_found(cells, header, text)}{_sound(text)}")
            if not header:
                taken = range(width) if columns is None else columns
                rows.append([read(cells[i], f"{place}, column {i + 1}") for i in taken])
        first = False
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


def _sign(text: str) -> str:
    """What is between the cells of a first line; quotes may hold any."""
    plain = _QUOTED.sub("", text)
    for sign in (";", "\t"):
        if sign in plain:
            return sign
    parts = text.split()
    return " " if len(parts) > 1 and all(map(is_number, parts)) else ","


def _cells(text: str, place: str, sign: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=sign, strict=True))
    except csv.Error as error:
        raise InputError(f"{place}: expected numbers between commas ({error}){_sound(text)}") from error


def _json_frames(text: str, place: str, width: int, contract: Contract) -> list[list[float]]:
    """A frame for an array of its numbers, or an object with the features by name; several for an array of frames.

    The numbers of a frame are in a row, or nested as the model has them.
    """
    frame = ((width,), tuple(int(d) for d in contract.inputs[0].frame_shape))
    try:
        value = json.loads(text, object_pairs_hook=once)
        if isinstance(value, dict):
            value = _by_name(value, contract)
        shape = shape_of(value)
    except (ValueError, RecursionError) as error:
        hint = "; write a frame a line" if text in ("[", "{", "[[") else ""
        raise InputError(f"{place}: expected a JSON array of numbers ({error}){hint}") from error
    if shape in frame and shape:
        return [list(flat(value))]
    if len(shape) > 1 and shape[1:] in frame:
        return [list(flat(part)) for part in value]
    raise InputError(f"{place}: {_expected(width, False)}, found {' x '.join(map(str, shape)) or 1}")


def _by_name(value: dict[str, Any], contract: Contract) -> list[Any]:
    """The features in an object. Raises `ValueError` for one without them."""
    names = feature_names(contract)
    if not names or any(name not in value for name in names):
        keys = (
            f"an object with {', '.join(map(repr, names))}"
            if names
            else "an array, as the model's features have no names"
        )
        raise ValueError(f"found an object with {', '.join(map(repr, list(value)[:4]))}; write {keys}")
    return [value[name] for name in names]


def _sound(text: str) -> str:
    """Bytes that are no text may be samples."""
    return _SOUND if "\ufffd" in text else ""


def _expected(width: int, header: bool) -> str:
    return (
        f"expected {width} names in a header or {width} numbers (one frame)"
        if header
        else (f"expected {width} numbers (one frame)")
    )


def _found(cells: list[str], header: bool, text: str) -> str:
    """How many, and why: columns that are no features, or other signs between cells."""
    names = f": {', '.join(cells[:_SHOWN])}; keep the columns of the features" if header and len(cells) > 1 else ""
    return f"found {len(cells)}{names or (_OTHER_SIGN if len(cells) == 1 and '|' in text else '')}"


def _number(cell: Any, place: str) -> float:
    try:
        return number(cell) if isinstance(cell, str) else float(cell)
    except (ValueError, OverflowError):
        if isinstance(cell, str) and not cell.strip():
            raise InputError(
                f"{place}: expected a number, found an empty cell; fill it, or write nan, which --non-finite hold fills"
            ) from None
        point = "; write a decimal point" if isinstance(cell, str) and is_number(cell.replace(",", ".")) else ""
        raise InputError(f"{place}: expected a number, found {str(cell)[:40]!r}{point}{_sound(str(cell))}") from None


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
