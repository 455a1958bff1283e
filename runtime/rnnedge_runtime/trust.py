"""Which files were exported on this machine, and which libraries built: one SHA-256 a line, in the user's state folder.

A file whose seal is in the list is loaded as "local", any other one as "strict"; a library that is not in the list has
to be signed. So a list counts only if nobody but its owner and root can write it and the folder that it is in. A
damaged or a missing one makes loading stricter.

`$XDG_STATE_HOME/rnnedge/exported` (by default `~/.local/state`), on Windows `%LOCALAPPDATA%/rnnedge/exported`; next to
it `built`, of the native libraries.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rnnedge_runtime.arguments import choice
from rnnedge_runtime.errors import RnnEdgeError
from rnnedge_runtime.user_folders import doubt, make_own, state_folder

TRUST = ("strict", "local")
EXPORTED, BUILT = "exported", "built"
# 65 bytes each, so that the list is read in a fraction of a millisecond.
_MOST_LINES = 4096
_LINE = 65
_FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
# Libraries that this process has just built, and which are not in the list yet.
_vouched: set[str] = set()


def exported_here(digest: str) -> bool:
    """Whether the file of this digest was exported on this machine, as far as is known."""
    return listed(digest, EXPORTED)


def built_here(digest: str) -> bool:
    """Whether the library of this digest was built on this machine, as far as is known."""
    return digest in _vouched or listed(digest, BUILT)


@contextmanager
def vouched(digest: str) -> Iterator[None]:
    """The library of this digest counts as built here in the block: it has just been, and is still to be proven."""
    _vouched.add(digest)
    try:
        yield
    finally:
        _vouched.discard(digest)


def listed(digest: str, kind: str, folder: str | None = None) -> bool:
    """Whether `remember` was told of this digest; False where the list cannot be read, or others could write it.

    `folder`: where the list lies; None: in the user's state folder.
    """
    try:
        lines = _read(kind, folder or state_folder()).split(b"\n")
    except (OSError, RuntimeError):
        return False
    return len(digest) == _LINE - 1 and digest.encode("ascii", "replace") in lines


def remember(digest: str, kind: str = EXPORTED, folder: str | None = None) -> None:
    """Add the digest of a file, or of a library, that was made here. Where that fails, it counts as somebody else's."""
    from pathlib import Path

    from rnnedge_runtime.atomic import write_bytes

    try:
        folder = folder or state_folder()
        store = os.path.join(folder, kind)
        try:
            make_own(folder)
            kept = _read(kind, folder).splitlines(keepends=True)
        except FileNotFoundError:
            kept = []
        except OSError:
            # Others could write it, as older versions let them under a loose umask: what it says is worth nothing.
            _begin_again(folder, kind)
            kept = []
        if len(kept) >= _MOST_LINES:
            write_bytes(Path(store), b"".join(kept[-_MOST_LINES // 2 :]))
        # One write of less than a page to a file that is open for appending is not mixed with another one.
        handle = os.open(store, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _FLAGS, 0o600)
        try:
            os.write(handle, b"\n" * (kept[-1:] != [] and kept[-1][-1:] != b"\n") + f"{digest}\n".encode())
        finally:
            os.close(handle)
    except (OSError, RuntimeError, RnnEdgeError):
        return


def trust_of(digest: str, asked: str | None) -> str:
    """The trust that was asked for, or the one that a file of this digest deserves."""
    if asked is None:
        return "local" if exported_here(digest) else "strict"
    return choice(asked, "trust", TRUST)


def _read(kind: str, folder: str) -> bytes:
    """The list; raises `OSError` if there is none, or one that others could have written."""
    store = os.path.join(folder, kind)
    handle = os.open(store, os.O_RDONLY | _FLAGS)
    try:
        found = os.fstat(handle)
        reason = doubt(folder) or doubt(store, found)
        if reason or not stat.S_ISREG(found.st_mode):
            raise PermissionError(f"{store}: {reason or 'no plain file'}")
        return os.read(handle, 2 * _MOST_LINES * _LINE)
    finally:
        os.close(handle)


def _begin_again(folder: str, kind: str) -> None:
    """Take the folder back from others, without its lists; raises `OSError` where it is not ours."""
    found = os.lstat(folder)
    # Windows has neither owners nor their numbers.
    others = hasattr(os, "geteuid") and found.st_uid != os.geteuid()
    if others or not stat.S_ISDIR(found.st_mode):
        raise PermissionError(f"{folder}: somebody else's")
    os.chmod(folder, 0o700)
    for name in {EXPORTED, BUILT, kind}:
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, name))
