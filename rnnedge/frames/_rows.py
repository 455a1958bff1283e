"""The numbers in lines of text: a row of cells, a JSON array, or a JSON object with the features by name.

Between the cells of a row are commas, or what the first row has: semicolons, tabs, or, between numbers only, spaces.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from rnnedge.files.nested import flat, shape_of
from rnnedge.files.numbers import is_header, is_number, number
from rnnedge.frames._columns import columns_by_name, feature_names
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.json_objects import once

# Tokens: every integer dtype of a contract holds them.
_TOO_LARGE = 1 << 31
_SHOWN = 8
_QUOTED = re.compile(r'"[^"]*"')
_OTHER_SIGN = " between '|'; write commas"
SOUND = "; samples of sound are read with --raw s16le"


class Rows:
    """Reads the lines of one source for the only input of a model.

    The first row that can be read may be a header, see `rnnedge.files.numbers.is_header`, of a name for each number. If
    it has the names of the model's features, they are taken by name from every row, and other columns are left out.
    `decimal`: the sign in numbers, a point or a comma.
    """

    def __init__(self, contract: Contract, decimal: str = ".") -> None:
        self._contract, self._decimal = contract, decimal
        port = contract.inputs[0]
        self._frame = tuple(int(d) for d in port.frame_shape)
        self._dtype = port.dtype
        self._read = partial(_number if port.dtype.startswith("float") else _whole_number, decimal)
        self.size = math.prod(self._frame)
        self._there, self._sign = self.size, ""
        self._columns: Sequence[int] = range(self.size)

    def numbers(self, text: str, place: str) -> list[list[float]]:
        """Those of each frame in a line without white space around it; none for a header. Raises `InputError`."""
        frames: Iterable[Iterable[tuple[int, str | float]]]
        if text.startswith(("[", "{")):
            frames = [enumerate(frame) for frame in _json_frames(text, place, self.size, self._contract)]
            self._sign = self._sign or ","
        else:
            frames = self._row(text, place)
        return [[self._read(cell, f"{place}, column {i + 1}") for i, cell in frame] for frame in frames]

    def array(self, rows: list[list[float]]) -> Array:
        """Such rows as frames (time, ...) of the input's dtype."""
        # What is too large for the dtype becomes an infinity, which `push` refuses with its frame and feature.
        with np.errstate(over="ignore"):
            return np.array(rows, self._dtype).reshape(-1, *self._frame)

    def _row(self, text: str, place: str) -> list[list[tuple[int, str]]]:
        first = not self._sign
        sign = self._sign or self._sign_of(text)
        cells = text.split() if sign == " " else _cells(text, place, sign)
        header = first and is_header(cells)
        named = columns_by_name(cells, self._contract) if header else None
        if len(cells) != (self._there if named is None else len(cells)):
            raise InputError(f"{place}: {_expected(self._there, header)}, {_found(cells, header, text)}{_sound(text)}")
        self._sign = sign
        if header:
            self._there, self._columns = len(cells), self._columns if named is None else named
            return []
        return [[(i, cells[i]) for i in self._columns]]

    def _sign_of(self, text: str) -> str:
        """What is between the cells of a first row; quotes may hold any."""
        plain = _QUOTED.sub("", text)
        for sign in (";", "\t"):
            if sign in plain:
                return sign
        parts = text.split()
        if len(parts) > 1 and all(is_number(part, self._decimal) for part in parts):
            return " "
        # A comma is between cells, not in numbers, if it is outside of their quotes.
        return "," if self._decimal == "." or "," in plain != text else ";"


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
    return SOUND if "\ufffd" in text else ""


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


def _number(decimal: str, cell: Any, place: str) -> float:
    if not isinstance(cell, str):
        return _of_json(cell, place)
    try:
        return number(cell, decimal)
    except ValueError:
        if not cell.strip():
            raise InputError(
                f"{place}: expected a number, found an empty cell; fill it, or write nan, which --non-finite hold fills"
            ) from None
        other = "," if decimal == "." else "."
        hint = f"; numbers with {other!r} are read with --decimal {other}" if is_number(cell, other) else ""
        raise InputError(f"{place}: expected a number, found {cell[:40]!r}{hint}{_sound(cell)}") from None


def _of_json(value: Any, place: str) -> float:
    try:
        return float(value)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{place}: expected a number, found {str(value)[:40]!r}") from error


def _whole_number(decimal: str, cell: Any, place: str) -> int:
    found = _number(decimal, cell, place)
    if not found.is_integer() or abs(found) >= _TOO_LARGE:
        raise InputError(f"{place}: expected a whole number, found {str(cell)[:40]!r}")
    return int(found)
