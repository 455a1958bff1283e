"""Files that are gone when the work is done: a folder of them, and what has to go where a process ends at once."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rnnedge_runtime.errors import InputError, RnnEdgeError

# Python tells these without the name of a file: it knows of a descriptor only.
_NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)


# What this process has made and not removed yet.
_unfinished: set[Path] = set()


@contextmanager
def unfinished(path: Path) -> Iterator[None]:
    """While the block runs, `remove_unfinished` removes `path`."""
    _unfinished.add(path)
    try:
        yield
    finally:
        _unfinished.discard(path)


def remove_unfinished() -> None:
    """Remove every folder and file that a block still works on: the process ends, and no block comes to its end."""
    # Here, since whatever has made a folder has it.
    import shutil

    for path in list(_unfinished):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def temporary_folder(what: str) -> Iterator[Path]:
    """An empty folder, `rnnedge-WHAT-...`, that is removed with all in it.

    Raises `InputError` where none can be made, and where what the block writes into it finds no room.
    """
    # Here, since a device that streams needs none.
    import tempfile

    folder = ""
    try:
        with tempfile.TemporaryDirectory(prefix=f"rnnedge-{what}-") as folder, unfinished(Path(folder)):
            yield Path(folder)
    except OSError as error:
        # One of ours is a `TimeoutError`, which is one of these.
        if isinstance(error, RnnEdgeError) or not _is_ours(error, folder):
            raise
        place = Path(folder).parent if folder else "the folder of temporary files"
        raise InputError(
            f"{place}: temporary files cannot be written there "
            f"({error.strerror or error}); make room, or let TMPDIR name another folder"
        ) from error


def _is_ours(error: OSError, folder: str) -> bool:
    """Whether the folder could not be made, or something in it could not be written."""
    if not folder:
        return True
    if error.filename is None:
        return error.errno in _NO_ROOM
    return isinstance(error.filename, str) and Path(error.filename).is_relative_to(folder) and error.errno in _NO_ROOM
