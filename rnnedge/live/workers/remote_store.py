"""The store of a worker: that of the process in front, over their channel."""

from __future__ import annotations

from collections.abc import Collection

from rnnedge.live.stores import Kept
from rnnedge.live.stores.rows import packed, unpacked
from rnnedge.live.workers.channel import Channel


class RemoteStore:
    """As `Store`."""

    def __init__(self, channel: Channel, outputs: Collection[str]) -> None:
        """`outputs`: the names of those of the model."""
        self._channel, self._outputs = channel, outputs

    async def claim(self, name: str, resume: bool) -> Kept | None:
        """As `Store.claim`."""
        row = await self._channel.ask("claim", name=name, resume=resume)
        return None if row is None else unpacked(row, self._outputs, f"stream {name!r}") | {"model": row["model"]}

    async def put(self, name: str, kept: Kept, still_open: bool = False) -> None:
        """As `Store.put`."""
        await self._channel.ask("put", name=name, kept=packed(kept), still_open=still_open)

    async def free(self, name: str, keep: bool) -> None:
        """As `Store.free`."""
        await self._channel.ask("free", name=name, keep=keep)

    async def close(self) -> str:
        """The process in front closes it, after all workers."""
        return ""
