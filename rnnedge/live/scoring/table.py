"""Rows as a table: CSV, or Parquet if pyarrow is here."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnedge.report.escape import in_csv
from rnnedge_runtime.atomic import check_writable, write_bytes
from rnnedge_runtime.errors import InputError, MissingExtra


def check_table(path: Path) -> None:
    """Raise now what `write_table` would raise after long work."""
    check_writable(path)
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(f"{path}: expected .csv or .parquet")
    if path.suffix.lower() == ".parquet":
        _pyarrow(path)


def write_table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """All rows, with the columns of any of them, `error` last; what a row lacks is empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row if name != "error"))
    columns += ["error"] if any("error" in row for row in rows) else []
    if path.suffix.lower() == ".csv":
        write_bytes(path, _csv(columns, rows).encode())
    else:
        write_bytes(path, _parquet(path, columns, rows))


def _csv(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    file = io.StringIO(newline="")
    table = csv.writer(file, lineterminator="\n")
    table.writerow(map(in_csv, columns))
    for row in rows:
        cells = (row.get(name, "") for name in columns)
        table.writerow([in_csv(cell) if isinstance(cell, str) else cell for cell in cells])
    return file.getvalue()


def _parquet(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> bytes:
    arrow, parquet = _pyarrow(path)
    sink = arrow.BufferOutputStream()
    cells = {_encodable(name): [_encodable(row.get(name)) for row in rows] for name in columns}
    parquet.write_table(arrow.table(cells), sink)
    return bytes(sink.getvalue().to_pybytes())


def _encodable(cell: Any) -> Any:
    """Text that is no Unicode, such as the name of a file in another encoding, with its bytes escaped."""
    return cell.encode("utf-8", "backslashreplace").decode() if isinstance(cell, str) else cell


def _pyarrow(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra(f"{path}: Parquet needs pyarrow; pip install 'rnnedge[data]', or write .csv") from error
    return pyarrow, pyarrow.parquet
