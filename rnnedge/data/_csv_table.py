"""CSV: a header, then one frame a line. Read by the standard library, so nothing has to be installed."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from rnnedge.data._csv_large import read_large_csv
from rnnedge.data._table import Array, Column, Roles, Table, cell
from rnnedge.files.numbers import is_number, number, with_point
from rnnedge.files.text import open_text
from rnnedge_runtime.errors import InputError

# Few enough to stay in the processor's cache, and out of the garbage collector's older generations.
_ROWS_AT_ONCE = 1 << 11
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def csv_names(path: Path, delimiter: str = ",") -> tuple[str, ...]:
    """The header's column names. Raises `InputError` if there is none, or a name appears twice."""
    with open_text(path) as file:
        header = _header(file, path, delimiter)
    if header is None:
        raise InputError(f"{path}: expected a header and rows of cells, found an empty file")
    names = tuple(name.strip() for name in header[1])
    for name in names:
        if name and names.count(name) > 1:
            raise InputError(f"{path}, row {header[0]}: column {name!r} appears twice; rename one")
    if all(map(is_number, names)):
        raise InputError(f"{path}, row {header[0]}: expected the names of the columns, found numbers; add a header")
    if len(names) == 1 and (other := next((d for d in ";\t|" if d in names[0]), None)):
        raise InputError(f"{path}, row {header[0]}: expected names between {delimiter!r}; set delimiter = {other!r}")
    return names


def read_csv(path: Path, roles: Roles, delimiter: str = ",", decimal: str = ".") -> Table:
    """The columns of `roles`; rows are counted as an editor shows them, the header is row 1.

    `decimal` is the sign in its numbers, which have none between their thousands.

    Raises `InputError` naming row and column of a cell that is no number, and the row that has too many or too few.
    """
    names = csv_names(path, delimiter)
    if (large := read_large_csv(path, roles, names, delimiter, decimal)) is not None:
        return large
    pieces: dict[str, list[Array]] = {name: [] for name in (*roles.numbers, *roles.texts)}
    lines: list[Array] = []
    # Rows of one id, or of one label, share its text.
    known: dict[str, str] = {}
    with open_text(path) as file:
        for numbers, rows in _rows(file, path, delimiter, len(names)):
            columns = dict(zip(names, zip(*rows, strict=True), strict=True))
            for name in roles.numbers:
                pieces[name].append(_floats(columns[name], path, numbers, name, decimal))
            for name in roles.texts:
                texts = map(str.strip, columns[name])
                pieces[name].append(np.array([known.setdefault(text, text) for text in texts], object))
            lines.append(np.array(numbers))
    if not lines:
        raise InputError(f"{path}: expected rows below the header, found none")
    every = np.concatenate(lines)

    def column(name: str) -> Column:
        values = np.concatenate(pieces[name])
        shaped = values[:, None] if name in roles.numbers else values
        return Column(name, shaped, lambda row, _: f"row {every[row]}, column {name!r}")

    return Table(path, {name: column(name) for name in pieces}, len(every))


def _header(file: IO[str], path: Path, delimiter: str) -> tuple[int, list[str]] | None:
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    with _named(path, reader):
        return next(((reader.line_num, cells) for cells in reader if cells), None)


def _rows(file: IO[str], path: Path, delimiter: str, width: int) -> Iterator[tuple[list[int], list[list[str]]]]:
    """Some rows below the header at a time: the number of the line that each begins on, and its cells.

    Lines without anything are left out, but counted.
    """
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    numbers: list[int] = []
    rows: list[list[str]] = []
    with _named(path, reader):
        for cells in reader:
            if cells:
                break
        begins = reader.line_num + 1
        for cells in reader:
            if cells:
                if len(cells) != width:
                    raise InputError(
                        f"{path}, row {begins}: expected {width} cells as in the header, found {len(cells)}"
                    )
                numbers.append(begins)
                rows.append(cells)
                if len(rows) == _ROWS_AT_ONCE:
                    yield numbers, rows
                    numbers, rows = [], []
            begins = reader.line_num + 1
    if rows:
        yield numbers, rows


@contextmanager
def _named(path: Path, reader: Any) -> Iterator[None]:
    """What goes wrong while `reader` reads is an `InputError` with the row."""
    try:
        yield
    except csv.Error as error:
        place = f"{path}, row {reader.line_num}"
        raise InputError(f"{place}: not a row of cells ({error}); look for a lone quote there or before") from error
    except UnicodeDecodeError as error:
        row = _undecodable(path)
        raise InputError(f"{path}, row {row}: expected text in UTF-8, found other bytes; save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _floats(cells: Sequence[str], path: Path, numbers: Sequence[int], name: str, decimal: str) -> Array:
    """(rows,) float64; NaN for an empty cell."""
    plain = cells if decimal == "." else [with_point(text, decimal) for text in cells]
    try:
        # All of them are numbers by the same rule, at the speed of `float`.
        every = "".join(plain)
        if "_" in every or not every.isascii():
            raise ValueError
        return np.fromiter(map(float, plain), np.float64, len(plain))
    except ValueError:
        return np.array([_float(text, path, row, name, decimal) for text, row in zip(cells, numbers, strict=True)])


def _float(text: str, path: Path, row: int, name: str, decimal: str) -> float:
    if not text.strip():
        return float("nan")
    try:
        return number(text, decimal)
    except ValueError:
        place = f"{path}, row {row}, column {name!r}"
        raise InputError(f"{place}: expected a number, found {cell(text)}; {_remedy(text)}") from None


def _remedy(text: str) -> str:
    """For a cell that is no number: what it may be."""
    if is_number(text) or is_number(text, ","):
        return f"mend it, or say what is the sign in numbers: decimal = {',' if ',' in text else '.'!r}"
    if _DATE.match(text.strip()):
        return 'name the column by time, with time_unit = "iso", or leave it out of features'
    return "mend it, or leave the column out of features"


def _undecodable(path: Path) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1
