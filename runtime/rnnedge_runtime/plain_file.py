"""Open what a user named: a plain file, of a bounded size. A pipe would be waited for, and a device never ends."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from typing import BinaryIO

from rnnedge_runtime.errors import InputError, RnnEdgeError

# More than any recipe, report, key or list has; what is longer is something else.
SMALL = 64 << 20
# No message of protocol buffers is longer, so neither is an ONNX file.
LARGEST = 2 << 30
# What is read where the size says nothing: `read` allocates all that it is asked for.
_BLOCK = 1 << 20
_OTHERS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
# Windows has no O_NONBLOCK, and Linux no O_BINARY.
_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))


class _ReadOnly(io.BufferedReader):
    """A file that nothing is lost of where the disk, or a network, says that it cannot be closed."""

    def close(self) -> None:
        """As ever, without that error."""
        with contextlib.suppress(OSError):
            super().close()


def open_plain(
    path: str | os.PathLike[str], kind: type[RnnEdgeError] = InputError, remedy: str = "check the path"
) -> BinaryIO:
    """The file at `path`, to be read; raises `kind` where it is missing, may not be read, or is no plain file."""
    name = os.fspath(path)
    try:
        # Before it is opened, since to open a device may do something; after it, since it may be another one by then.
        _check(os.stat(path).st_mode, name, kind)
        raw = io.FileIO(name, opener=_opened)
        try:
            _check(os.fstat(raw.fileno()).st_mode, name, kind)
            return _ReadOnly(raw)
        # An interruption too, which must not be hidden by what closing says.
        except BaseException:
            with contextlib.suppress(OSError):
                raw.close()
            raise
    except OSError as error:
        raise kind(f"{name}: cannot be read ({error.strerror}); {remedy}") from error
    # A path that no system takes: a null character, or half of a surrogate pair.
    except ValueError as error:
        if isinstance(error, RnnEdgeError):
            raise
        raise kind(f"{name!r}: cannot be read ({error}); {remedy}") from error


def read_plain(
    path: str | os.PathLike[str],
    kind: type[RnnEdgeError] = InputError,
    remedy: str = "check the path",
    most: int = SMALL,
) -> bytes:
    """The whole file at `path`; raises `kind` as `open_plain` does, and where it has more than `most` bytes."""
    with open_plain(path, kind, remedy) as file:
        return read_most(file, os.fspath(path), kind, remedy, most)


def read_most(file: BinaryIO, name: str, kind: type[RnnEdgeError], remedy: str, most: int) -> bytes:
    """What is left of an opened file called `name`; raises `kind` where that is more than `most` bytes."""
    try:
        size = os.fstat(file.fileno()).st_size
        # What is too long is not read at all: it may be two gigabytes of nothing.
        data = file.read(min(size, most) + 1) if size <= most else b""
        # It grew, or it is one of those that the system makes up, whose size is 0.
        while 0 < len(data) <= most and (more := file.read(min(_BLOCK, most + 1 - len(data)))):
            data += more
    except OSError as error:
        raise kind(f"{name}: cannot be read ({error.strerror}); {remedy}") from error
    if max(size, len(data)) > most:
        raise kind(f"{name}: expected at most {most:,} bytes, found {max(size, len(data)):,}; {remedy}")
    return data


def check_plain(
    path: str | os.PathLike[str], kind: type[RnnEdgeError] = InputError, remedy: str = "check the path"
) -> None:
    """Raise `kind` as `open_plain` does; for a file that somebody else's code opens by its name."""
    open_plain(path, kind, remedy).close()


def is_file(path: str | os.PathLike[str]) -> bool:
    """Whether a plain file, or a link to one, is there; False of a path that no system takes, or nobody may look at."""
    return os.path.isfile(path)


def is_folder(path: str | os.PathLike[str]) -> bool:
    """The same of a folder."""
    return os.path.isdir(path)


def is_there(path: str | os.PathLike[str]) -> bool:
    """The same of anything."""
    return os.path.exists(path)


def _opened(name: str, _flags: int) -> int:
    """Its descriptor belongs to the file that asks for it, and is closed once, whatever comes between."""
    return os.open(name, _FLAGS)


def _check(mode: int, name: str, kind: type[RnnEdgeError]) -> None:
    if not stat.S_ISREG(mode):
        found = next((what for test, what in _OTHERS if test(mode)), "something else")
        raise kind(f"{name}: expected a plain file, found {found}; copy it to a file first")
