"""Names of streams between a hub and its store: what is on its way out is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rnnedge.live.stores import Kept, Store, nothing_kept
from rnnedge_runtime.errors import RnnEdgeError


class Names:
    """Used from the event loop of its hub. A stream without a name is in no store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._going: dict[str, asyncio.Event] = {}
        self._saving: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # What the store said when it failed; the last of it.
        self.trouble = ""

    @property
    def busy(self) -> bool:
        """Whether something is on its way to the store."""
        return bool(self._going or self._tasks)

    async def settled(self, name: str) -> None:
        """Wait until the store knows what became of a stream that was open here."""
        while name in self._going:
            await self._going[name].wait()

    async def put(self, name: str, kept: Kept, still_open: bool = False) -> None:
        """As `Store.put`; if the store fails, `trouble` says so, and the stream is lost, not the server."""
        try:
            await self.store.put(name, kept, still_open)
        except RnnEdgeError as error:
            self.trouble = str(error)

    async def claim(self, name: str, resume: bool) -> Kept | None:
        """As `Store.claim`."""
        if not name:
            if resume:
                raise nothing_kept(name)
            return None
        return await self.store.claim(name, resume)

    @asynccontextmanager
    async def leaving(self, name: str) -> AsyncIterator[None]:
        """Inside, the store is told what became of the stream; who asks for it waits."""
        gone = asyncio.Event()
        self._going.update({name: gone} if name else {})
        try:
            # The older snapshot must not come after the newer one.
            if (saved := self._saving.get(name)) is not None:
                await saved.wait()
            yield
        finally:
            self._going.pop(name, None)
            gone.set()

    async def save(self, name: str, kept: Kept) -> None:
        """Where a stream stands that is open still; nothing if it is leaving."""
        if name in self._going:
            return
        saved = self._saving[name] = asyncio.Event()
        try:
            await self.put(name, kept, still_open=True)
        finally:
            del self._saving[name]
            saved.set()

    def free(self, name: str, keep: bool = False) -> None:
        """As `Store.free`, without waiting for it."""
        if name:
            gone = self._going[name] = asyncio.Event()
            task = asyncio.ensure_future(self._freed(name, keep, gone))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def give(self, name: str, keep: bool = False) -> None:
        """As `Store.free`."""
        try:
            await self.store.free(name, keep)
        except RnnEdgeError as error:
            self.trouble = str(error)

    async def _freed(self, name: str, keep: bool, gone: asyncio.Event) -> None:
        try:
            await self.give(name, keep)
        finally:
            self._going.pop(name, None)
            gone.set()
