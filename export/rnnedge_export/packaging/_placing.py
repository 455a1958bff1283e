"""Finished files into a folder of the user's: all of them or none."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from rnnedge_runtime.atomic import make_folder, write_bytes
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.plain_file import is_file, is_folder, is_there


def place_in(made: Path, folder: Path) -> tuple[Path, ...]:
    """Copy what is in `made` next to its place, then rename it into `folder`; returns the files.

    Where that fails, what was renamed is taken away again, and so are folders that were not there before.
    Raises `InputError`.
    """
    added = [path for path in (folder, *folder.absolute().parents) if not is_there(path)]
    make_folder(folder)
    temporary = folder / f".rnnedge.{os.urandom(6).hex()}.tmp"
    placed: list[Path] = []
    try:
        _copied(made, temporary)
        for entry in sorted(temporary.iterdir()):
            target = folder / entry.name
            if os.path.lexists(target):
                raise InputError(f"{target}: is there already; choose another folder, or another name")
            entry.rename(target)
            placed.append(target)
        temporary.rmdir()
    except BaseException as error:
        for path in (temporary, *placed):
            _removed(path)
        with suppress(OSError):
            for path in added:
                path.rmdir()
        if isinstance(error, OSError):
            raise InputError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from error
        raise
    return tuple(folder / path.relative_to(made) for path in sorted(made.rglob("*")) if is_file(path))


def _copied(made: Path, temporary: Path) -> None:
    temporary.mkdir()
    for source in sorted(made.rglob("*")):
        target = temporary / source.relative_to(made)
        if is_folder(source):
            target.mkdir()
        else:
            write_bytes(target, source.read_bytes())


def _removed(path: Path) -> None:
    with suppress(OSError):
        if is_folder(path):
            shutil.rmtree(path)
        else:
            path.unlink()
