"""Writers of JSON reports with one fault each: test_writers.py shows that its checks see them.

Usage: as writers.py.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from writers import Writer, read_json, temporary, write

from rnnedge_runtime import InputError


def _text(version: str) -> str:
    return json.dumps({"version": version, "us": list(range(5000))})


def naive(folder: Path, version: str) -> None:
    """Over the old file."""
    try:
        (folder / "r.json").write_text(_text(version))
    except OSError as error:
        raise InputError(str(error)) from error


def leaky(folder: Path, version: str) -> None:
    """An OSError goes up as it is."""
    _replace(folder, version)


def littering(folder: Path, version: str) -> None:
    """What could not be finished stays."""
    try:
        _replace(folder, version)
    except OSError as error:
        raise InputError(str(error)) from error


def deaf(folder: Path, version: str) -> None:
    """A failed write counts as written."""
    with suppress(OSError):
        _replace(folder, version)
    temporary(folder / "r.json").unlink(missing_ok=True)


def unsynced(folder: Path, version: str) -> None:
    """The name may reach the disk before the bytes do."""
    target = folder / "r.json"
    temporary(target).write_text(_text(version))
    temporary(target).replace(target)


def _replace(folder: Path, version: str) -> None:
    target = folder / "r.json"
    with temporary(target).open("w") as file:
        file.write(_text(version))
        file.flush()
        os.fsync(file.fileno())
    temporary(target).replace(target)


BROKEN = {f.__name__: Writer(f, read_json) for f in (naive, leaky, littering, deaf, unsynced)}

if __name__ == "__main__":
    write(BROKEN)
