"""What is between sockets and the pool: queues, the tick, streams that wait for their client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

from rnnedge.live.protocol import Packet
from rnnedge.live.server.answers import AnswerFormat
from rnnedge.live.server.batch import Batch
from rnnedge.live.server.metrics import Metrics
from rnnedge.live.server.options import ServeOptions
from rnnedge.live.server.rounds import Round
from rnnedge.live.server.served import Result, ServedStream
from rnnedge.live.server.tables import Tables
from rnnedge_runtime import Model
from rnnedge_runtime.errors import InputError

_LEAVING_S = 0.002
_DRAINING = "draining; open it on another server"


class Hub:
    """All streams of a server; made by `serve`, used from its event loop.

    The pool is used by one other thread, so that a round does not hold up the sockets.
    """

    def __init__(self, model: Model, options: ServeOptions, metrics: Metrics) -> None:
        self.options, self.metrics, self.draining = options, metrics, False
        self.model, self.contract = model, model.contract
        self._tables = Tables(model, options.streams, options.gap)
        self._answers = AnswerFormat(model.contract)
        self._thread = ThreadPoolExecutor(1, "rnnedge-pool")
        self._open: set[ServedStream] = set()
        self._names: set[str] = set()
        # Of streams whose client went away, until it is known where they stand.
        self._going: dict[str, asyncio.Event] = {}
        self.sockets = self._leaving = 0
        self._ready: dict[ServedStream, float] = {}
        self._batches: list[tuple[Batch, float]] = []
        self._some = asyncio.Event()
        # Where named streams stand whose client is away, and when that is forgotten.
        self.kept: dict[str, tuple[float, dict[str, Any]]] = {}

    @property
    def full(self) -> bool:
        """Whether there is no room for another stream."""
        return len(self._open) >= self.options.streams

    async def open(self, name: str, resume: bool, tell: Callable[[Result], None]) -> tuple[ServedStream, int | None]:
        """A stream, and the number of the frame it expects, None if it may begin with any.

        Raises `InputError` if the server is full or draining, the name is in use, or there is nothing to resume.
        """
        while name in self._going:
            await self._going[name].wait()
        if self.draining or self.full:
            self.metrics.refused.inc()
            raise InputError(_DRAINING if self.draining else "full; try again later")
        if name and name in self._names:
            raise InputError(f"stream {name!r} is open in another place; close it there")
        until, kept = self.kept.get(name, (0.0, None)) if resume else (0.0, None)
        if resume and until <= monotonic():
            raise InputError(f"stream {name!r}: nothing to resume; open it without resume, and begin again")
        # Before another one of that name can come in.
        self._names.update({name} - {""})
        try:
            stream: ServedStream = await self._run(self._tables.open, name, tell, kept)
        # A snapshot of another kind too: the name is free again, whatever it was.
        except BaseException:
            self._names.discard(name)
            raise
        if self._drains():
            # Where it stands is still kept, and may be written already.
            self._names.discard(name)
            await self._run(self._tables.close, stream)
            raise InputError(_DRAINING)
        self.kept.pop(name, None)
        self._open.add(stream)
        self.metrics.streams.set(len(self._open))
        return stream, stream.sequence.expected

    def submit(self, stream: ServedStream, packet: Packet | None) -> bool:
        """Frames for the next round, or the end; False if the queue is full, and the stream is to be closed for it."""
        waiting = stream.waiting
        if self.draining:
            # It comes again, to the next server: what it says it expects is the first of these.
            self.metrics.dropped.inc(0 if packet is None else len(packet.frames))
            return True
        if len(waiting) + stream.rows >= self.options.queue and packet is not None:
            if self.options.full == "close":
                return False
            if self.options.full == "drop-newest":
                self.metrics.dropped.inc(len(packet.frames))
                return True
            self.metrics.dropped.inc(self._drop_oldest(stream))
        waiting.append(packet)
        self._ready.setdefault(stream, monotonic())
        self._some.set()
        return True

    def submit_batch(self, batch: Batch) -> list[ServedStream]:
        """As `submit`, of a packet for each of several streams; returns those that are to be closed."""
        refused, alone, most = [], [], self.options.queue
        for row, stream in batch.rows():
            if stream.waiting or stream.rows >= most or self.draining:
                alone.append((row, stream))
            else:
                stream.rows += 1
        for row, stream in alone:
            packet = batch.packet(row)
            batch.streams[row] = None
            if not self.submit(stream, packet):
                refused.append(stream)
        self._batches.append((batch, monotonic()))
        self._some.set()
        return refused

    async def release(self, stream: ServedStream) -> None:
        """Its client went away: a named stream is kept for a while, after what waits of it was run."""
        if stream not in self._open:
            return
        self._leaving += 1
        gone = asyncio.Event()
        self._going.update({stream.id: gone} if stream.id else {})
        try:
            await self._leave(stream)
        finally:
            self._leaving -= 1
            self._going.pop(stream.id, None)
            gone.set()

    async def tick(self) -> None:
        """Rounds, as long as the server runs."""
        while True:
            await self._some.wait()
            await asyncio.sleep(self.options.tick_s)
            await self.round()

    async def round(self) -> None:
        """One round over all that waits."""
        self._some.clear()
        ready, self._ready = self._ready, {}
        batches, self._batches = self._batches, []
        work = [(stream, [*stream.waiting]) for stream in ready]
        for stream in ready:
            stream.waiting.clear()
        frames = sum(len(p.frames) for _, packets in work for p in packets if p is not None)
        for batch, _ in batches:
            for _, stream in batch.rows():
                stream.rows = 0
                frames += batch.frames.shape[1]
        begun = monotonic()
        for done in await self._run(self._tables.run, work, [batch for batch, _ in batches]):
            self._deliver(done)
        self.metrics.round_s.observe(monotonic() - begun)
        oldest = min([*ready.values(), *(since for _, since in batches)], default=begun)
        self.metrics.waited_s.observe(begun - oldest)
        self.metrics.frames.inc(frames)

    async def drain(self) -> dict[str, dict[str, Any]]:
        """Take no more, run what waits, and return where the named streams stand."""
        self.draining = True
        while self._ready or self._batches:
            await self.round()
        for stream in list(self._open):
            await self.release(stream)
        while self._leaving:
            await asyncio.sleep(_LEAVING_S)
        self._expire()
        return {name: kept for name, (_, kept) in self.kept.items()}

    async def switch(self, model: Model) -> str:
        """New streams are on this model, those that are open end on theirs; returns what was done, in words."""
        await self._run(self._tables.switch, model)
        return self._switched(model)

    async def back(self) -> str:
        """New streams are on the model before again."""
        return self._switched(await self._run(self._tables.back))

    def close(self) -> None:
        """End the thread of the pool."""
        self._thread.shutdown()

    def _switched(self, model: Model) -> str:
        self.model = model
        self.metrics.switches.inc()
        others = sum(stream.model != model.digest for stream in self._open)
        return f"serving {model.digest[:16]}; {others} streams end on another model"

    def _drains(self) -> bool:
        return self.draining

    def _deliver(self, done: Round) -> None:
        for answers in done.answers:
            for sink, data, count in self._answers.messages(answers):
                sink.put_records(data, count)
        for stream, result in done.results:
            if result.finished or result.error:
                self._forget(stream)
            stream.tell(result)

    def _drop_oldest(self, stream: ServedStream) -> int:
        """How many frames were let go."""
        for batch, _ in self._batches if stream.rows else ():
            if (packet := batch.take_out(stream)) is not None:
                stream.rows -= 1
                return len(packet.frames)
        gone = stream.waiting.popleft()
        return 0 if gone is None else len(gone.frames)

    async def _leave(self, stream: ServedStream) -> None:
        # Rows of it may wait among those of others.
        packets = self._taken_out(stream) + [packet for packet in stream.waiting if packet is not None]
        self._forget(stream)
        stream.waiting.clear()
        await self._run(self._tables.run, [(stream, packets)], [])
        if stream.id and stream.open and stream.sequence.expected is not None:
            kept = await self._run(self._tables.keep, stream)
            self._expire()
            self.kept[stream.id] = (monotonic() + self.options.keep_s, kept)
        await self._run(self._tables.close, stream)

    def _taken_out(self, stream: ServedStream) -> list[Packet]:
        """Its rows of batches that wait."""
        if not stream.rows:
            return []
        stream.rows = 0
        return [packet for batch, _ in self._batches if (packet := batch.take_out(stream)) is not None]

    def _forget(self, stream: ServedStream) -> None:
        self._open.discard(stream)
        self._names.discard(stream.id)
        self._ready.pop(stream, None)
        self.metrics.lost.inc(stream.sequence.lost)
        self.metrics.streams.set(len(self._open))

    def _expire(self) -> None:
        """Forget those whose time is over, and the oldest beyond as many as there may be streams."""
        now = monotonic()
        alive = [(name, kept) for name, kept in self.kept.items() if kept[0] > now]
        self.kept = dict(alive[-self.options.streams :])

    async def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)
