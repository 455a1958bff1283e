"""Where open streams stand, every now and then, so that a server that dies loses no more than that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from rnnedge.live.server.metrics import Metrics
from rnnedge.live.server.names import Names
from rnnedge.live.server.served import ServedStream
from rnnedge.live.stores import Kept

# Streams that are kept in one go: a round waits for no more.
_TOGETHER = 16


class Snapshots:
    """Of named streams, those that have got frames since the last time. Used from the event loop of its hub.

    `keep`: from streams to where they stand, in order with the rounds; None for one that has left.
    """

    def __init__(self, names: Names, metrics: Metrics, keep: Callable[[list[ServedStream]], Any]) -> None:
        self._names, self._metrics, self._keep = names, metrics, keep
        self._saved: dict[ServedStream, int | None] = {}

    async def every(self, seconds: float, streams: Collection[ServedStream]) -> None:
        """As long as the server runs; `streams`: those that are open at any time."""
        while True:
            await asyncio.sleep(seconds)
            await self.take(streams)

    async def take(self, streams: Collection[ServedStream]) -> None:
        """Once."""
        self._saved = {stream: self._saved.get(stream) for stream in streams if stream.id}
        moved = [one for one, at in self._saved.items() if one.sequence.expected != at]
        for begin in range(0, len(moved), _TOGETHER):
            some = moved[begin : begin + _TOGETHER]
            found: list[Kept | None] = await self._keep(some)
            kept = [(one, where) for one, where in zip(some, found, strict=True) if where is not None]
            await asyncio.gather(*(self._names.save(one.id, where) for one, where in kept))
            for one, where in kept:
                self._saved[one] = where["next"]
            self._metrics.snapshots.inc(len(kept))
