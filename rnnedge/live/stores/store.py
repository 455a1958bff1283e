"""The seam of a store of streams."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from rnnedge_runtime.errors import InputError

# Where a stream stands, as `StreamTable.keep` gives it.
Kept: TypeAlias = dict[str, Any]


class NothingKept(InputError):
    """There is no stream of that name to go on with."""


class Store(Protocol):
    """Named streams: each is open in one place at most, and where it stood last is known for a while."""

    async def claim(self, name: str, resume: bool) -> Kept | None:
        """Open the stream here; with `resume` where it stands, else None, and what was kept is forgotten.

        Raises `InputError` if it is open in another place, `NothingKept` if there is nothing to resume.
        """

    async def put(self, name: str, kept: Kept, still_open: bool = False) -> None:
        """Where a claimed stream stands; it is free for others, unless it is still open."""

    async def free(self, name: str, keep: bool) -> None:
        """A claimed stream is free for others; what was kept of it is forgotten, unless `keep`."""

    async def close(self) -> str:
        """No more is asked of it. Returns what is to be told, or nothing."""


def in_use(name: str) -> InputError:
    """The error of a name that is open."""
    return InputError(f"stream {name!r} is open in another place; close it there")


def nothing_kept(name: str) -> NothingKept:
    """The error of a name of which nothing is kept."""
    return NothingKept(f"stream {name!r}: nothing to resume; open it without resume, and begin again")
