"""Which files were exported on this machine, and which libraries built: one SHA-256 a line, in the user's state folder.

A file whose seal is in the list is loaded as "local", any other one as "strict". Whoever can write the list can run
programs as its user, so the list need not be guarded against them; a damaged or a missing one makes loading stricter.

`$XDG_STATE_HOME/rnnedge/exported` (by default `~/.local/state`), on Windows `%LOCALAPPDATA%/rnnedge/exported`; beside
it `built`, of the native libraries.
"""

from __future__ import annotations

import os

from rnnedge_runtime.errors import InputError, RnnEdgeError

TRUST = ("strict", "local")
EXPORTED, BUILT = "exported", "built"
# 65 bytes each, so that the list is read in a fraction of a millisecond.
_MOST_LINES = 4096
_LINE = 65


def exported_here(digest: str) -> bool:
    """Whether the file of this digest was exported on this machine, as far as is known."""
    return listed(digest, EXPORTED)


def listed(digest: str, kind: str) -> bool:
    """Whether `remember` was told of this digest; False where the list cannot be read."""
    try:
        with open(_store(kind), "rb") as file:
            lines = file.read(2 * _MOST_LINES * _LINE).split(b"\n")
    except (OSError, RuntimeError):
        return False
    return len(digest) == _LINE - 1 and digest.encode() in lines


def remember(digest: str, kind: str = EXPORTED) -> None:
    """Add the digest of a file, or of a library, that was made here. Where that fails, it counts as somebody else's."""
    from pathlib import Path

    from rnnedge_runtime.atomic import write_bytes

    try:
        store = Path(_store(kind))
        store.parent.mkdir(parents=True, exist_ok=True)
        if store.exists() and store.stat().st_size >= _MOST_LINES * _LINE:
            lines = store.read_bytes().splitlines(keepends=True)
            write_bytes(store, b"".join(lines[-_MOST_LINES // 2 :]))
        # One write of less than a page to a file that is open for appending is not mixed with another one.
        with store.open("ab") as file:
            file.write(f"{digest}\n".encode())
    except (OSError, RuntimeError, RnnEdgeError):
        return


def trust_of(digest: str, asked: str | None) -> str:
    """The trust that was asked for, or the one that a file of this digest deserves."""
    if asked is None:
        return "local" if exported_here(digest) else "strict"
    if asked not in TRUST:
        raise InputError(f"trust: expected one of {', '.join(TRUST)} or None, found {asked!r}")
    return asked


def _store(kind: str) -> str:
    """Raises `RuntimeError` where the user has no home."""
    given = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_STATE_HOME", "")
    # The XDG base directory specification: a path that is not absolute is to be ignored.
    if not os.path.isabs(given):
        home = os.path.expanduser("~")
        if home == "~":
            raise RuntimeError("the user has no home")
        given = os.path.join(home, ".local", "state")
    return os.path.join(given, "rnnedge", kind)
