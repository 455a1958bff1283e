"""Open a library by its bytes: what was looked at is what runs, whatever becomes of the file meanwhile.

On Linux the bytes are put into memory that has no name and can no longer be changed (memfd_create(2), file seals), and
the loader opens that. Elsewhere, and where a system runs nothing from memory, they are written to a new folder of their
own, which only the user can look into, and which is taken away as soon as the library is open.
"""

from __future__ import annotations

import ctypes
import itertools
import os
from threading import Lock

from rnnedge_runtime._fork import free_in_child

# A library is never unloaded; the same bytes are opened once.
_opened: dict[str, ctypes.CDLL] = {}
_lock = free_in_child(Lock())
_numbers = itertools.count(1)


def open_library(content: bytes, digest: str, name: str) -> ctypes.CDLL:
    """The library `content`, whose SHA-256 is `digest`; `name` is how debuggers show it.

    Raises `OSError` where it is none that can be loaded.
    """
    with _lock:
        if digest not in _opened:
            opened = _from_memory(content, name)
            _opened[digest] = _from_folder(content, name) if opened is None else opened
        return _opened[digest]


def _from_memory(content: bytes, name: str) -> ctypes.CDLL | None:
    """None where this system has no such memory, or does not run what lies there."""
    create = getattr(os, "memfd_create", None)
    if create is None:
        return None
    import fcntl

    try:
        handle = create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError:
        return None
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(handle, rest) :]
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
                    | fcntl.F_SEAL_SEAL)  # fmt: skip
        # The loader gives back what it once opened under a name, and a later library may get the same number: so each
        # has a name of its own, by more and more slashes.
        return ctypes.CDLL(f"/proc/self/fd{'/' * next(_numbers)}{handle}")
    except OSError as error:
        if _is_of_the_place(error):
            return None
        raise
    finally:
        os.close(handle)


def _is_of_the_place(error: OSError) -> bool:
    """Whether it says that /proc is not there or that memory is not run, and nothing of the library."""
    text = str(error)
    return any(words in text for words in ("cannot open shared object file", "Operation not permitted",
                                           "Permission denied", "failed to map segment"))  # fmt: skip


def _from_folder(content: bytes, name: str) -> ctypes.CDLL:
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="rnnedge-library-")
    try:
        path = os.path.join(folder, os.path.basename(name) or "library")
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o700)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        return ctypes.CDLL(path)
    finally:
        # Windows keeps a library that is in use.
        shutil.rmtree(folder, ignore_errors=True)
