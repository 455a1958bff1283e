"""Names and snapshots of the streams of a cluster, in a process that runs no model."""

from __future__ import annotations

from typing import Any

from rnnedge.live.stores import Kept
from rnnedge.live.stores.memory import MemoryStore
from rnnedge_runtime.errors import RnnEdgeError


class Keeper:
    """An actor: as `MemoryStore`, for replicas by their names."""

    def __init__(self, keep_s: float, most: int) -> None:
        self._store = MemoryStore(keep_s, most)

    async def claim(self, name: str, resume: bool, holder: str) -> Kept | None:
        """As `MemoryStore.claim`."""
        return await self._store.claim(name, resume, holder)

    async def put(self, name: str, kept: Kept, still_open: bool, holder: str) -> None:
        """As `MemoryStore.put`; what comes late of a replica that was given up is not taken."""
        if self._store.holder(name) == holder:
            await self._store.put(name, kept, still_open)

    async def free(self, name: str, keep: bool, holder: str) -> None:
        """As `MemoryStore.free`, likewise."""
        if self._store.holder(name) == holder:
            await self._store.free(name, keep)

    async def give_up(self, holder: str) -> None:
        """As `MemoryStore.give_up`."""
        self._store.give_up(holder)


class KeeperStore:
    """The `Store` of one replica. `kept`: the number of the frame that the latest snapshot of a stream expects."""

    def __init__(self, keeper: Any, holder: str) -> None:
        self._keeper, self._holder = keeper, holder
        self.kept: dict[str, int] = {}

    async def claim(self, name: str, resume: bool) -> Kept | None:
        """As `Store.claim`."""
        from ray.exceptions import RayTaskError

        try:
            found: Kept | None = await self._keeper.claim.remote(name, resume, self._holder)
        except RayTaskError as error:
            raise unwrapped(error) from None
        return found

    async def put(self, name: str, kept: Kept, still_open: bool = False) -> None:
        """As `Store.put`."""
        await self._keeper.put.remote(name, kept, still_open, self._holder)
        self.kept[name] = kept["next"]

    async def free(self, name: str, keep: bool) -> None:
        """As `Store.free`."""
        await self._keeper.free.remote(name, keep, self._holder)
        self.kept.pop(name, None)

    async def close(self) -> str:
        """The keeper outlives its replicas."""
        return ""


def unwrapped(error: Any) -> Exception:
    """What was raised in another process, if it is ours, else the error of Ray about it."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, RnnEdgeError) else error
