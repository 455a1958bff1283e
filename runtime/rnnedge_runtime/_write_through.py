"""Where a path leads to, and how what is no regular file is written to: as it stands, never replaced."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rnnedge_runtime.errors import InputError

# The streams of a process, as Linux names them; /dev/stdout and /dev/fd lead there.
_DESCRIPTOR = re.compile(r"/proc/(?:self|thread-self|\d+)/(?:task/\d+/)?fd/(\d+)")
_MOST_LINKS = 40
# How long a pipe may be without a reader.
_READER_S = 10.0


def place_of(target: Path) -> Path | int:
    """Where `target` leads to: a path that is no link, or the number of an open stream of this process.

    Raises `InputError` for what cannot be written to, such as a folder.
    """
    place = target
    for _ in range(_MOST_LINKS):
        # Of the folder the real path: /dev/fd is a link itself.
        stream = _DESCRIPTOR.fullmatch(str(Path(os.path.realpath(place.parent)) / place.name))
        if stream:
            return int(stream[1])
        if not place.is_symlink():
            break
        place = place.parent / place.readlink()
    else:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    kind = kind_of(place)
    if kind in (stat.S_IFREG, stat.S_IFIFO, stat.S_IFCHR):
        if kind == stat.S_IFREG and place.exists() and not os.access(place, os.W_OK):
            raise unwritable(target, "it is write-protected")
        return place
    if kind == stat.S_IFDIR:
        raise unwritable(target, "it is a folder")
    raise unwritable(target, "it is a disk, a socket or something else that is no file")


def kind_of(place: Path) -> int:
    """Which kind of file stands there; a regular one where nothing does."""
    try:
        return stat.S_IFMT(place.stat().st_mode)
    except FileNotFoundError:
        return stat.S_IFREG


def unwritable(target: Path, reason: str) -> InputError:
    """The error of a path that cannot be written to."""
    return InputError(f"{target}: cannot be written ({reason}); choose a file in a folder that exists and is writable")


@contextmanager
def open_stream(place: Path | int, target: Path) -> Iterator[IO[bytes]]:
    """A pipe, a device or a stream, which gets the bytes as they come."""
    try:
        handle = os.dup(place) if isinstance(place, int) else _open_pipe(place)
        with os.fdopen(handle, "wb") as file:
            yield file
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror})") from error


def _open_pipe(place: Path) -> int:
    """A descriptor for writing; a pipe waits for its reader, but not forever."""
    until = time.monotonic() + _READER_S
    while True:
        try:
            handle = os.open(place, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > until:
                raise OSError(error.errno, f"no program reads this pipe for {_READER_S:g} s") from error
            time.sleep(0.02)
        else:
            os.set_blocking(handle, True)
            return handle
