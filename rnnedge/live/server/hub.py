"""What is between sockets and the pool: queues, the tick, streams that wait for their client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

from rnnedge.live.protocol import Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.server.answers import AnswerFormat
from rnnedge.live.server.batch import Batch
from rnnedge.live.server.metrics import Metrics
from rnnedge.live.server.names import Names
from rnnedge.live.server.options import ServeOptions
from rnnedge.live.server.rounds import Round
from rnnedge.live.server.served import Result, ServedStream
from rnnedge.live.server.snapshots import Snapshots
from rnnedge.live.server.spans import Spans
from rnnedge.live.server.tables import Tables
from rnnedge.live.server.waiting import Waiting, frames_of
from rnnedge.live.stores import Store
from rnnedge.live.stores.memory import MemoryStore
from rnnedge_runtime import Model
from rnnedge_runtime.errors import InputError

_LEAVING_S = 0.002
_DRAINING = "draining; open it on another server"


class Hub:
    """All streams of a server; made by `serve`, used from its event loop.

    The pool is used by one other thread, so that a round does not hold up the sockets.
    """

    def __init__(self, model: Model, options: ServeOptions, metrics: Metrics, store: Store | None = None) -> None:
        self.options, self.metrics = options, metrics
        self._waiting = Waiting(options, metrics, FrameFormat(model.contract))
        self.model, self.contract = model, model.contract
        self._tables = Tables(model, options.streams, options.gap)
        self._answers = AnswerFormat(model.contract)
        self._thread = ThreadPoolExecutor(1, "rnnedge-pool")
        self._spans = Spans()
        self._open: set[ServedStream] = set()
        self._names = Names(store or MemoryStore(options.keep_s, options.streams))
        self.sockets = self._leaving = 0

    @property
    def draining(self) -> bool:
        """Whether no more is taken."""
        return self._waiting.closed

    @draining.setter
    def draining(self, value: bool) -> None:
        self._waiting.closed = value

    @property
    def full(self) -> bool:
        """Whether there is no room for another stream."""
        return len(self._open) >= self.options.streams

    @property
    def streams(self) -> int:
        """How many are open."""
        return len(self._open)

    @property
    def others(self) -> int:
        """How many of them are on another model than the latest."""
        return sum(stream.model != self.model.digest for stream in self._open)

    @property
    def shares(self) -> dict[str, float]:
        """As `Tables.shares`."""
        return self._tables.shares

    async def open(self, name: str, resume: bool, tell: Callable[[Result], None]) -> tuple[ServedStream, int | None]:
        """A stream, and the number of the frame it expects, None if it may begin with any.

        Raises `InputError` if the server is full or draining, the name is in use, or there is nothing to resume.
        """
        await self._names.settled(name)
        self._admit()
        # Before another one of that name can come in.
        kept = await self._names.claim(name, resume)
        try:
            self._admit()
            stream: ServedStream = await self._run(self._tables.open, name, tell, kept)
        # A snapshot of another kind too: the name is free again, whatever it was.
        except BaseException:
            self._names.free(name, keep=True)
            raise
        if self.draining:
            # Where it stands is still kept.
            self._names.free(name, keep=True)
            await self._run(self._tables.close, stream)
            raise InputError(_DRAINING)
        self._open.add(stream)
        self.metrics.opened(stream.model, len(self._open))
        return stream, stream.sequence.expected

    def submit(self, stream: ServedStream, packet: Packet | None) -> bool:
        """As `Waiting.submit`."""
        return self._waiting.submit(stream, packet)

    def submit_record(self, stream: ServedStream, record: bytes) -> bool:
        """As `Waiting.submit_record`."""
        return self._waiting.submit_record(stream, record)

    def submit_batch(self, batch: Batch) -> list[ServedStream]:
        """As `Waiting.submit_batch`."""
        return self._waiting.submit_batch(batch)

    async def release(self, stream: ServedStream) -> None:
        """Its client went away: a named stream is kept for a while, after what waits of it was run."""
        if stream not in self._open:
            return
        self._leaving += 1
        try:
            async with self._names.leaving(stream.id):
                await self._leave(stream)
        finally:
            self._leaving -= 1

    async def snapshots(self) -> None:
        """Of streams that are open, as often as the options say, as long as the server runs."""
        snapshots = Snapshots(self._names, self.metrics, lambda some: self._run(self._tables.keep_open, some))
        await snapshots.every(self.options.snapshot_s, self._open)

    async def tick(self) -> None:
        """Rounds, as long as the server runs."""
        while True:
            await self._waiting.some.wait()
            await asyncio.sleep(self.options.tick_s)
            await self.round()

    async def round(self) -> None:
        """One round over all that waits."""
        work, batches, since = self._waiting.take()
        frames, begun = frames_of(work, batches), monotonic()
        waited_s = begun - min(since, begun)
        with self._spans.round(frames, len(self._open), waited_s):
            for done in await self._run(self._tables.run, work, batches):
                self._deliver(done)
        self.metrics.round_s.observe(monotonic() - begun)
        self.metrics.waited_s.observe(waited_s)
        self.metrics.ran(frames)

    async def drain(self) -> str:
        """Take no more, run what waits, leave the named streams to the store; returns why that failed, if it did."""
        self.draining = True
        while self._waiting:
            await self.round()
        await asyncio.gather(*map(self.release, list(self._open)))
        while self._leaving or self._names.busy:
            await asyncio.sleep(_LEAVING_S)
        return self._names.trouble

    async def check(self, model: Model, share: float) -> None:
        """Raise `InputError` for a model that cannot be served next to, or after, the one that is."""
        await self._run(self._tables.check, model, share)

    async def switch(self, model: Model, share: float = 1.0) -> None:
        """A share of new streams is on this model, those that are open end on theirs. Raises `InputError`."""
        await self._run(self._tables.switch, model, share)
        self._switched(model)

    async def back(self) -> None:
        """New streams are on the model before again. Raises `InputError` if there is none."""
        self._switched(await self._run(self._tables.back))

    def close(self) -> None:
        """End the thread of the pool."""
        self._thread.shutdown()

    def _switched(self, model: Model) -> None:
        self.model = model
        self.metrics.switches.inc()

    def _admit(self) -> None:
        if self.draining or self.full:
            self.metrics.refused.inc()
            raise InputError(_DRAINING if self.draining else "full; try again later")

    def _deliver(self, done: Round) -> None:
        for answers in done.answers:
            for sink, data, count in self._answers.messages(answers):
                sink.put_records(data, count)
        for stream, result in done.results:
            if result.error:
                self.metrics.failed(stream.model)
            if result.finished or result.error:
                # One that its client leaves is freed by who releases it.
                if stream in self._open:
                    self._names.free(stream.id)
                self._forget(stream)
            stream.tell(result)

    async def _leave(self, stream: ServedStream) -> None:
        # Rows of it may wait among those of others.
        packets = self._waiting.take_out(stream)
        self._forget(stream)
        await self._run(self._tables.run, [(stream, packets)], [])
        if stream.id and stream.open and stream.sequence.expected is not None:
            await self._names.put(stream.id, await self._run(self._tables.keep, stream))
        elif stream.id:
            await self._names.give(stream.id)
        await self._run(self._tables.close, stream)

    def _forget(self, stream: ServedStream) -> None:
        if stream in self._open:
            self._open.discard(stream)
            self.metrics.left(stream.model, len(self._open))
        self._waiting.forget(stream)
        self.metrics.lost.inc(stream.sequence.lost)
        self.metrics.mended.inc(stream.mended)

    async def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)
