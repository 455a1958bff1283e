"""What was scored so far, in a file of its own next to the table: a row a line, synced after every batch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnedge_runtime.errors import InputError

_SCHEMA = "rnnedge.score.journal"


class Journal:
    """Rows that outlive the process; made by `score_archive`, which deletes it after the table is written.

    A process that is killed within a line leaves half of one, which is cut off; that batch is scored again.
    """

    def __init__(self, path: Path, made_by: Mapping[str, Any]) -> None:
        """`made_by` identifies model and options. Raises `InputError` if those of the file are others."""
        self._path = path
        self.rows: dict[str, dict[str, Any]] = {}
        header = {"schema": _SCHEMA, **made_by}
        whole = _whole_lines(path)
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
        self._file.write("".join(json.dumps(row) + "\n" for row in rows))
        self._file.flush()
        os.fsync(self._file.fileno())


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of the file, which is cut after the last whole one."""
    if not path.exists():
        return []
    try:
        data = path.read_bytes()
        found = [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]
        if not all(isinstance(line, dict) for line in found) or not all("file" in line for line in found[1:]):
            raise ValueError("no rows")
        os.truncate(path, data.rfind(b"\n") + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected what an earlier run left ({error}); delete it") from error
    return found
