"""Snapshots in files: written whole or not at all, the last two kept, the newest whole one read."""

from __future__ import annotations

import os
from pathlib import Path

from rnnedge_runtime._snapshot import unpack
from rnnedge_runtime.arguments import file_path
from rnnedge_runtime.atomic import as_file, write_bytes
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.plain_file import LARGEST, read_plain


def keep(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write `data` as `path`; the one that was there becomes `path.previous`.

    Raises `InputError` where the folder is missing or cannot be written, or where something else than a file is there.
    """
    target = as_file(file_path(path, "save: path"))
    try:
        older = _read(target)
    except InputError:
        # None is there, or one that is damaged: it must not take the place of a whole one.
        return write_bytes(target, data)
    # A copy first, so that at every moment one of the two names holds a whole snapshot.
    write_bytes(previous(target), older)
    return write_bytes(target, data)


def newest(path: str | os.PathLike[str]) -> bytes:
    """The bytes of `path`, or of `path.previous` where that is missing or damaged; `InputError` where both are."""
    target = Path(file_path(path, "load: path"))
    reasons = []
    for candidate in (target, previous(target)):
        try:
            return _read(candidate)
        except InputError as error:
            reasons.append(str(error))
    raise InputError(f"{target}: no whole snapshot ({reasons[0]})")


def previous(path: Path) -> Path:
    """Where the older snapshot lies."""
    return path.parent / f"{path.name}.previous"


def _read(path: Path) -> bytes:
    """The bytes of a whole snapshot."""
    data = read_plain(path, most=LARGEST)
    unpack(data, str(path))
    return data
