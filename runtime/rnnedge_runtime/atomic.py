"""Write a file so that a reader, or a power cut, sees the whole old one or the whole new one.

What stands at the path decides. (1) Nothing, or a regular file: the new one takes its place, with the mode and, where
the system allows it, the owner of the old one. (2) A link: the same happens to the file that it leads to; the link
stays. (3) A pipe, a terminal or another device of characters, or one of this process's own streams, such as
/dev/stdout: it stays what it is and gets the bytes as they come. (4) Anything else is refused, and a name that can only
be a folder's: `new/` is no file called new.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from rnnedge_runtime._write_through import kind_of, open_stream, place_of, unwritable
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.temporary import unfinished

_SEPARATORS = "|".join(map(re.escape, filter(None, (os.sep, os.altsep))))
_WRONG_FOLDER = (FileNotFoundError, NotADirectoryError, PermissionError)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write `data` to `path`. A regular file is replaced: temporary file next to it, fsync, rename, fsync of folder.

    Raises `InputError` where the folder is missing or cannot be written; nothing is left behind then.
    """
    with open_binary(path) as file:
        file.write(data)
    return Path(path)


@contextmanager
def open_text(path: str | os.PathLike[str]) -> Iterator[IO[str]]:
    """A text file (UTF-8) to write line by line, which takes the place of `path` at the end.

    An error leaves the older file, and so does an interruption before the first line; a later one keeps what was
    written before it, whole.
    """
    interrupted: KeyboardInterrupt | None = None
    with open_binary(path) as binary:
        file = io.TextIOWrapper(binary, encoding="utf-8", newline="")
        try:
            yield file
        except KeyboardInterrupt as error:
            interrupted = error
        # The bytes go on to `binary`, which is synced and renamed next; closing the wrapper would close it too.
        file.flush()
        file.detach()
        if interrupted is not None and not (binary.seekable() and binary.tell()):
            raise interrupted
    if interrupted is not None:
        raise interrupted


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write `text` in UTF-8 to `path`, as `write_bytes` does."""
    return write_bytes(path, text.encode())


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise `InputError` now where `write_bytes` could not write `path` later, after long work."""
    target = as_file(path)
    try:
        found = place_of(target)
    except (OSError, ValueError) as error:
        raise _unwritable(target, error) from error
    if isinstance(found, int):
        return
    folder = found.parent
    reason = None
    try:
        if not folder.is_dir():
            reason = f"the folder {folder} does not exist"
        elif kind_of(found) == stat.S_IFREG and not os.access(folder, os.W_OK):
            reason = f"no permission to write in {folder}"
    except OSError as error:
        reason = error.strerror
    if reason:
        raise unwritable(target, reason)


def as_file(path: str | os.PathLike[str]) -> Path:
    """`path` as a `Path`, which forgets a separator at its end; raises `InputError` where it names a folder."""
    text = os.fspath(path)
    last = re.split(_SEPARATORS, text)[-1]
    if text and last in ("", os.curdir, os.pardir):
        raise InputError(f"{text}: cannot be written (it names a folder); add the name of a file")
    return Path(path)


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
def open_binary(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A file to write bytes to, which takes the place of `path` at the end, by the four cases of the module.

    Raises `InputError` where it cannot be written; an error in the block leaves the older file.
    """
    target = as_file(path)
    try:
        found = place_of(target)
        replaced = isinstance(found, Path) and kind_of(found) == stat.S_IFREG
    except (OSError, ValueError) as error:
        raise _unwritable(target, error) from error
    with _replacing(found, target) if isinstance(found, Path) and replaced else open_stream(found, target) as file:
        yield file


def _unwritable(target: Path, error: OSError | ValueError) -> InputError:
    """The error of a path that leads nowhere; a null character in it is a ValueError of Python."""
    if isinstance(error, InputError):
        return error
    return unwritable(target, getattr(error, "strerror", None) or str(error))


@contextmanager
def _replacing(place: Path, target: Path) -> Iterator[IO[bytes]]:
    """A temporary file that replaces `place` where the block ends without an error."""
    # Named before it is made, so that an interruption right after cannot leave a file that nobody knows.
    temporary = _beside(place)
    try:
        with unfinished(temporary), temporary.open("xb") as file:
            yield file
            file.flush()
            _resemble(file.fileno(), place)
            os.fsync(file.fileno())
        temporary.replace(place)
    except OSError as error:
        _remove(temporary)
        hint = "; choose a folder that exists and is writable" if isinstance(error, _WRONG_FOLDER) else ""
        raise InputError(f"{target}: cannot be written ({error.strerror}){hint}") from error
    except BaseException:
        _remove(temporary)
        raise
    try:
        _sync_folder(place.parent)
    except OSError as error:
        raise InputError(f"{target}: written, but may not outlast a power cut ({error.strerror})") from error


def _resemble(handle: int, place: Path) -> None:
    """Give the new file the owner and the mode of the one that it replaces."""
    if os.name == "nt":
        return
    try:
        old = place.stat()
    except FileNotFoundError:
        return
    new = os.fstat(handle)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        # Only root may give a file away; a group that one is in can be kept.
        with suppress(OSError):
            os.fchown(handle, -1, old.st_gid)
        with suppress(OSError):
            os.fchown(handle, old.st_uid, -1)
    os.fchmod(handle, stat.S_IMODE(old.st_mode) & 0o777)


def _beside(place: Path) -> Path:
    """A name in the folder of `place` that nothing else has, short enough for every file system."""
    return place.with_name(f".{place.name[:40]}.{os.urandom(6).hex()}.tmp")


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
