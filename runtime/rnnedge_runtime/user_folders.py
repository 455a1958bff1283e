"""The folders that are the user's own: where lists of what was made here, and caches, lie.

By the XDG base directory specification; on Windows all of it is in `%LOCALAPPDATA%`. A variable that is not an absolute
path is ignored, as the specification says, and so is a home that is none: nothing is ever kept in the current folder.
"""

from __future__ import annotations

import errno
import os
import stat

_MINE = 0o700
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def state_folder() -> str:
    """For lists; raises `RuntimeError` where the user has no home."""
    return _folder("XDG_STATE_HOME", ".local", "state")


def cache_folder() -> str:
    """For what can be made again; raises `RuntimeError` where the user has no home."""
    return _folder("XDG_CACHE_HOME", ".cache")


def make_own(folder: str) -> None:
    """Make `folder`, for its owner only, and those above it; raises `OSError`, and where it is somebody else's."""
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    try:
        os.mkdir(folder, _MINE)
    except FileExistsError:
        reason = doubt(folder)
        if reason is not None:
            raise PermissionError(errno.EPERM, reason, folder) from None


def doubt(path: str, found: os.stat_result | None = None) -> str | None:
    """Why somebody else could have changed what is at `path`; None where nobody but its owner and root can.

    `found`: what is known of it already. Links are not followed. Raises `OSError`.
    """
    if os.name == "nt":
        return None
    found = os.lstat(path) if found is None else found
    if stat.S_ISLNK(found.st_mode):
        return "it is a link"
    if found.st_uid not in (os.geteuid(), 0):
        return f"it belongs to another user ({found.st_uid})"
    if found.st_mode & _OTHERS_WRITE:
        return f"other users can write it (mode {stat.S_IMODE(found.st_mode):o})"
    return None


def _folder(variable: str, *in_home: str) -> str:
    given = os.environ.get("LOCALAPPDATA" if os.name == "nt" else variable, "")
    if not os.path.isabs(given):
        home = os.path.expanduser("~")
        # What Python gives for a user who has none is "~" itself.
        if not os.path.isabs(home):
            raise RuntimeError("the user has no home")
        given = os.path.join(home, *in_home)
    return os.path.join(given, "rnnedge")
