"""Names and snapshots of the streams of a cluster, in a process that runs no model."""

from __future__ import annotations

from typing import Any

from rnnedge.live.stores import Kept
from rnnedge.live.stores.memory import MemoryStore
from rnnedge.live.stores.store import nothing_kept
from rnnedge_runtime.errors import RnnEdgeError


class Keeper:
    """An actor: as `MemoryStore`, for replicas by their names."""

    def __init__(self, keep_s: float, most: int) -> None:
        self._store = MemoryStore(keep_s, most)

    async def claim(self, name: str, resume: bool, holder: str, heard: int | None) -> Kept | None:
        """As `MemoryStore.claim`; where the stream stood at frame `heard` or before, if that is not None.

        A snapshot may have frames whose answer died with their replica. Raises `NothingKept` if there is none before.
        """
        found = await self._store.claim(name, resume, holder)
        if found is None or heard is None or found["next"] <= heard:
            return found
        before: Kept | None = found.get("before")
        if before is None or before["next"] > heard:
            await self._store.free(name, keep=False)
            raise nothing_kept(name)
        await self._store.put(name, before, still_open=True)
        return before

    async def put(self, name: str, kept: Kept, still_open: bool, holder: str) -> None:
        """As `MemoryStore.put`, with the one before; what comes late of a replica that was given up is not taken."""
        if self._store.holder(name) == holder:
            latest = self._store.latest(name)
            before = latest and {key: value for key, value in latest.items() if key != "before"}
            await self._store.put(name, {**kept, "before": before}, still_open)

    async def free(self, name: str, keep: bool, holder: str) -> None:
        """As `MemoryStore.free`, likewise."""
        if self._store.holder(name) == holder:
            await self._store.free(name, keep)

    async def forget(self, name: str) -> None:
        """A stream has ended, and its program knows; nothing if somebody has begun it again."""
        if self._store.holder(name) is None:
            await self._store.free(name, keep=False)

    async def give_up(self, holder: str) -> None:
        """As `MemoryStore.give_up`."""
        self._store.give_up(holder)


class KeeperStore:
    """The `Store` of one replica.

    `kept`: the number of the frame that the latest snapshot of a stream expects. `heard`: of a stream that is about to
    be opened, the first frame that was not answered.
    """

    def __init__(self, keeper: Any, holder: str) -> None:
        self._keeper, self._holder = keeper, holder
        self.kept: dict[str, int] = {}
        self.heard: dict[str, int] = {}

    async def claim(self, name: str, resume: bool) -> Kept | None:
        """As `Store.claim`."""
        try:
            found: Kept | None = await self._keeper.claim.remote(name, resume, self._holder, self.heard.pop(name, None))
        except Exception as error:
            raise unwrapped(error) from None
        return found

    async def put(self, name: str, kept: Kept, still_open: bool = False) -> None:
        """As `Store.put`."""
        await self._keeper.put.remote(name, kept, still_open, self._holder)
        self.kept[name] = kept["next"]

    async def free(self, name: str, keep: bool) -> None:
        """As `Store.free`, but kept until its program has heard of the end: the answer may be lost with the process."""
        await self._keeper.free.remote(name, True, self._holder)
        self.kept.pop(name, None)

    async def close(self) -> str:
        """The keeper outlives its replicas."""
        return ""


def unwrapped(error: Exception) -> Exception:
    """What was raised in another process, if it is ours, else the error of Ray about it."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, RnnEdgeError) else error
