"""What was scored so far, in a file of its own next to the table: a row a line, synced after every batch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnedge_runtime.errors import InputError
from rnnedge_runtime.plain_file import LARGEST, read_plain

_SCHEMA = "rnnedge.score.journal"
# Columns of text; the others hold numbers, and a table has one kind of them in a column.
_TEXTS = ("file", "label", "error")
_MOST_FRAMES = 1 << 62


class Journal:
    """Rows that outlive the process; made by `score_archive`, which deletes it after the table is written.

    A process that is killed within a line leaves half of one, which is cut off; that batch is scored again.
    """

    def __init__(self, path: Path, made_by: Mapping[str, Any]) -> None:
        """`made_by` identifies model and options. Raises `InputError` if those of the file are others."""
        self._path = path
        self.rows: dict[str, dict[str, Any]] = {}
        header = {"schema": _SCHEMA, **made_by}
        whole = _whole_lines(path, _line(header))
        if whole and whole[0] != header:
            raise InputError(f"{path}: left by a run of another model, or with other options; delete it")
        for line in whole[1:]:
            self.rows[line["file"]] = line
        try:
            self._file = path.open("a", encoding="utf-8")
            if not whole:
                self._write([header])
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from error

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep the rows of a batch: they are on the disk when this returns."""
        try:
            self._write(rows)
        except OSError as error:
            raise InputError(f"{self._path}: cannot be written ({error.strerror}); what was scored is kept") from error
        self.rows.update((row["file"], row) for row in rows)

    def close(self) -> None:
        """Leave the file for the next run."""
        self._file.close()

    def delete(self) -> None:
        """The table is written."""
        self.close()
        self._path.unlink()

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._file.write("".join(map(_line, rows)))
        self._file.flush()
        os.fsync(self._file.fileno())


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row) + "\n"


def _whole_lines(path: Path, header: str) -> list[dict[str, Any]]:
    """The lines of the file, which is cut after the last whole one."""
    if not path.exists():
        return []
    data = read_plain(path, remedy="delete it", most=LARGEST)
    end = data.rfind(b"\n") + 1
    try:
        # A run that was killed at once has left a part of its first line; anything else is another file.
        if not end and not header.encode().startswith(data):
            raise ValueError("another beginning")
        found = [json.loads(line) for line in data[:end].splitlines()]
        if not all(isinstance(line, dict) for line in found) or not all(map(_is_row, found[1:])):
            raise ValueError("no rows")
        os.truncate(path, end)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected what an earlier run left ({error}); delete it") from error
    return found


def _is_row(row: dict[str, Any]) -> bool:
    """Whether `recording_row` may have made it, with the name of the file and its stamp."""
    cells = {name: cell for name, cell in row.items() if name != "stamp"}
    texts = all(isinstance(cells[name], str) for name in _TEXTS if name in cells)
    numbers = (cell for name, cell in cells.items() if name not in _TEXTS)
    return "file" in cells and texts and all(map(_is_number, numbers))


def _is_number(cell: object) -> bool:
    return isinstance(cell, float) or (type(cell) is int and 0 <= cell < _MOST_FRAMES)
