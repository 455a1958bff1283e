"""Parquet: only the columns that are needed are read. A row is counted from 1; there is no header."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rnnedge.data._table import Array, Column, Roles, Table
from rnnedge_runtime.errors import InputError, MissingExtra
from rnnedge_runtime.plain_file import open_plain


def parquet_names(path: Path) -> tuple[str, ...]:
    """The names of the columns. Raises `InputError` for a file that cannot be read."""
    with _opened(path) as file:
        return tuple(file.schema_arrow.names)


def read_parquet(path: Path, roles: Roles) -> Table:
    """The columns of `roles`; null is a missing number.

    Raises `InputError` for a column of another type than its role has, a null in a column of text, a file without rows,
    and a damaged file.
    """
    with _opened(path) as file:
        from pyarrow.types import is_timestamp

        names = file.schema_arrow.names
        for name in (*roles.numbers, *roles.texts):
            if names.count(name) > 1:
                raise InputError(f"{path}: column {name!r} appears twice; rename one")
        found = file.read(columns=[name for name in names if name in (*roles.numbers, *roles.texts)])
        if not found.num_rows:
            raise InputError(f"{path}: expected rows, found none")
        columns = {}
        for name in (*roles.numbers, *roles.texts):
            number = name in roles.numbers
            values = (_numbers if number else _texts)(found.column(name), path, name)
            columns[name] = _column(name, values, number and is_timestamp(found.column(name).type))
    return Table(path, columns, found.num_rows)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file; what goes wrong in it while it is read is an `InputError`."""
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise MissingExtra(f"{path}: a Parquet file needs pyarrow; install 'rnnedge[data]'") from error
    try:
        with open_plain(path) as plain, ParquetFile(plain) as file:
            yield file
    # NotImplementedError and OSError: what pyarrow raises for pages that are damaged.
    except (pyarrow.ArrowException, OSError, NotImplementedError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0].split(". ")[0].rstrip(".")
        raise InputError(f"{path}: not a Parquet file that can be read ({reason}); write it again") from error


def _column(name: str, values: Array, seconds: bool) -> Column:
    return Column(name, values, lambda row, _: f"row {row + 1}, column {name!r}", seconds)


def _numbers(column: Any, path: Path, name: str) -> Array:
    """(rows, 1) float64; a timestamp in seconds after the earliest."""
    import pyarrow.compute as pc
    from pyarrow import types

    kind = column.type
    if types.is_timestamp(kind):
        column = column.cast("timestamp[us]", safe=False).cast("int64")
        # From the first on: float64 holds a microsecond of a year, but not one of 1970.
        column = pc.subtract(column, pc.min(column))
    elif not any(is_kind(kind) for is_kind in _number_kinds()):
        raise InputError(f"{path}, column {name!r}: expected numbers, found {kind}; leave it out of features")
    whole = pc.fill_null(column.cast("float64", safe=False), float("nan"))
    values: Array = whole.to_numpy().astype(np.float64)
    return (values * 1e-6 if types.is_timestamp(kind) else values)[:, None]


def _number_kinds() -> tuple[Callable[[Any], bool], ...]:
    """A column without any value has the type null."""
    from pyarrow import types

    return types.is_floating, types.is_integer, types.is_boolean, types.is_decimal, types.is_null


def _texts(column: Any, path: Path, name: str) -> Array:
    """(rows,) str objects; a null is an empty text."""
    from pyarrow import types

    kind = column.type
    if types.is_timestamp(kind):
        # Without its zone it is UTC.
        column = column.cast("timestamp[us]", safe=False)
    if types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind):
        raise InputError(f"{path}, column {name!r}: expected text or whole numbers, found {kind}")
    return np.array(["" if value is None else str(value).strip() for value in column.to_pylist()], object)
