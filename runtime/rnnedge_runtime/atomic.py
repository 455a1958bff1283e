"""Write a file so that a reader, or a power cut, sees the whole old one or the whole new one."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from rnnedge_runtime.errors import InputError

_WRONG_FOLDER = (FileNotFoundError, NotADirectoryError, PermissionError)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> Path:
    """Replace `path` by `data`: temporary file beside it, fsync, rename, fsync of the folder.

    Raises `InputError` where the folder is missing or cannot be written; nothing is left behind then.
    """
    with _replacing(Path(path)) as file:
        file.write(data)
    return Path(path)


@contextmanager
def open_text(path: str | os.PathLike[str]) -> Iterator[IO[str]]:
    """A text file (UTF-8) to write line by line, which takes the place of `path` at the end.

    An error leaves the older file, and so does an interruption before the first line; a later one keeps what was
    written before it, whole.
    """
    interrupted: KeyboardInterrupt | None = None
    with _replacing(Path(path)) as binary:
        file = io.TextIOWrapper(binary, encoding="utf-8", newline="")
        try:
            yield file
        except KeyboardInterrupt as error:
            interrupted = error
        # The bytes go on to `binary`, which is synced and renamed next; closing the wrapper would close it too.
        file.flush()
        file.detach()
        if interrupted is not None and not binary.tell():
            raise interrupted
    if interrupted is not None:
        raise interrupted


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Replace `path` by `text` in UTF-8, as `write_bytes` does."""
    return write_bytes(path, text.encode())


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise `InputError` now where `write_bytes` could not write `path` later, after long work."""
    target = Path(path)
    folder = target.parent
    reason = None
    try:
        if target.is_dir():
            reason = "it is a folder"
        elif not folder.is_dir():
            reason = f"the folder {folder} does not exist"
        elif not os.access(folder, os.W_OK):
            reason = f"no permission to write in {folder}"
    except OSError as error:
        reason = error.strerror
    if reason:
        raise InputError(
            f"{target}: cannot be written ({reason}); choose a file in a folder that exists and is writable"
        )


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make the folder `path`, and those above it; raise `InputError` where it cannot be made or written to."""
    folder = Path(path)
    try:
        added = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for path in added:
            _sync_folder(path.parent)
    except OSError as error:
        reason = "a file is in the way" if isinstance(error, FileExistsError) else error.strerror
        raise InputError(f"{folder}: cannot be made ({reason}); choose another folder") from error
    check_writable(folder / "any")
    return folder


@contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """A temporary file that replaces `target` where the block ends without an error."""
    # Named before it is made, so that an interruption right after cannot leave a file that nobody knows.
    temporary = _beside(target)
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        _remove(temporary)
        hint = "; choose a folder that exists and is writable" if isinstance(error, _WRONG_FOLDER) else ""
        raise InputError(f"{target}: cannot be written ({error.strerror}){hint}") from error
    except BaseException:
        _remove(temporary)
        raise
    try:
        _sync_folder(target.parent)
    except OSError as error:
        raise InputError(f"{target}: written, but may not outlast a power cut ({error.strerror})") from error


def _beside(target: Path) -> Path:
    """A name in the folder of `target` that nothing else has."""
    return target.with_name(f".{target.name}.{os.urandom(6).hex()}.tmp")


def _remove(temporary: Path) -> None:
    # Where even this fails, the first error is the one to tell.
    with suppress(OSError):
        temporary.unlink()


def _sync_folder(folder: Path) -> None:
    # Windows cannot open a folder; its rename is already durable in the journal.
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems have no such call for folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
