"""Rows as text: a JSON object a line, or CSV with the columns of the first row."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import IO, Any

from rnnedge.live.protocol import EVENT_COLUMNS, Address
from rnnedge.report.escape import in_csv, in_json
from rnnedge_runtime.atomic import check_writable, open_text
from rnnedge_runtime.errors import InputError


def json_line(row: Mapping[str, Any]) -> str:
    """A JSON object and its line end."""
    return in_json(json.dumps(row)) + "\n"


class TextSink:
    """A file, or standard output; each row is there as soon as it was sent."""

    def __init__(self, file: IO[str], as_csv: bool, stack: ExitStack) -> None:
        """`stack` closes the file."""
        self._file, self._stack = file, stack
        self._rows = csv.writer(file, lineterminator="\n") if as_csv else None
        self._columns: list[str] = []

    def send(self, row: Mapping[str, Any]) -> None:
        """One line."""
        if self._rows is None:
            self._file.write(json_line(row))
        else:
            self._write_cells(flat(row))
        self._file.flush()

    def close(self) -> None:
        """A file takes its place now."""
        self._stack.close()

    def _write_cells(self, row: Mapping[str, Any]) -> None:
        if "event" in row:
            # Only what has ended has lasted.
            row = {name: row.get(name, "") for name in EVENT_COLUMNS}
        if not self._columns:
            self._columns = [*row]
            self._rows.writerow(map(in_csv, row))  # type: ignore[union-attr]
        if [*row] != self._columns:
            raise InputError(
                f"a CSV table has one kind of row, with {self._columns}, found {[*row]}; write .jsonl instead"
            )
        self._rows.writerow([in_csv(cell) if isinstance(cell, str) else cell for cell in row.values()])  # type: ignore[union-attr]


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """`values` as columns of their own."""
    values = {f"value{i}": value for i, value in enumerate(row.get("values", ()))}
    return {name: cell for name, cell in row.items() if name != "values"} | values


def open_text_sink(address: Address) -> TextSink:
    """A path by its ending: .csv, or .jsonl. Raises `InputError` for another one, and for one that is not writable."""
    path, stack = address.path, ExitStack()
    if not path.lower().endswith((".csv", ".jsonl")):
        raise InputError(f"{path}: expected .csv or .jsonl, or an address such as tcp://host:port")
    check_writable(path)
    return TextSink(stack.enter_context(open_text(path)), path.lower().endswith(".csv"), stack)


def open_standard_output(address: Address) -> TextSink:
    """JSON lines on standard output."""
    return TextSink(sys.stdout, False, ExitStack())
