"""Write a file so that a reader, or a power cut, sees the whole old one or the whole new one."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rnnedge_runtime.errors import InputError


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

    An error leaves the older file; an interruption keeps what was written before it, whole.
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
    if target.is_dir():
        reason = "it is a folder"
    elif not folder.is_dir():
        reason = f"the folder {folder} does not exist"
    elif not os.access(folder, os.W_OK):
        reason = f"no permission to write in {folder}"
    if reason:
        raise InputError(
            f"{target}: cannot be written ({reason}); choose a file in a folder that exists and is writable"
        )


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make the folder `path`, and those above it; raise `InputError` where it cannot be made or written to."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "a file is in the way" if isinstance(error, FileExistsError) else error.strerror
        raise InputError(f"{folder}: cannot be made ({reason}); choose another folder") from error
    check_writable(folder / "any")
    return folder


@contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """A temporary file that replaces `target` where the block ends without an error."""
    # A device that only reads need not wait for it: with what it imports, it takes 4 ms.
    import tempfile

    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    except OSError as error:
        raise InputError(
            f"{target}: cannot be written ({error.strerror}); choose a folder that exists and is writable"
        ) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(f"{target}: cannot be written ({error.strerror})") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    # Windows cannot open a folder; its rename is already durable in the journal.
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
