"""What waits for the next round: packets of streams, and rows of batches; what is done if they are too many."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from rnnedge.live.protocol import Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.server.batch import Batch
from rnnedge.live.server.metrics import Metrics
from rnnedge.live.server.options import ServeOptions
from rnnedge.live.server.rounds import Work
from rnnedge.live.server.served import ServedStream


@dataclass(eq=False)
class _Records:
    """Single records of equal length, each of another stream, since the first of them came."""

    since: float
    streams: list[ServedStream] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)


class Waiting:
    """The queues of all streams; used from the event loop of their hub. `some` is set if anything waits."""

    def __init__(self, options: ServeOptions, metrics: Metrics, frames: FrameFormat) -> None:
        self._options, self._metrics, self._frames, self.closed = options, metrics, frames, False
        self._ready: dict[ServedStream, float] = {}
        self._batches: list[tuple[Batch, float]] = []
        # By their length: records that become a batch when the round begins, all at once.
        self._records: dict[int, _Records] = {}
        self.some = asyncio.Event()

    def __bool__(self) -> bool:
        return bool(self._ready or self._batches or self._records)

    def submit(self, stream: ServedStream, packet: Packet | None) -> bool:
        """Frames for the next round, or the end; False if the queue is full, and the stream is to be closed for it."""
        waiting, options = stream.waiting, self._options
        if self.closed:
            # It comes again, to the next server: what it says it expects is the first of these.
            self._metrics.dropped.inc(0 if packet is None else len(packet.frames))
            return True
        if len(waiting) + stream.rows >= options.queue and packet is not None:
            if options.full == "close":
                return False
            if options.full == "drop-newest":
                self._metrics.dropped.inc(len(packet.frames))
                return True
            self._metrics.dropped.inc(self._drop_oldest(stream))
        waiting.append(packet)
        self._ready.setdefault(stream, monotonic())
        self.some.set()
        return True

    def submit_record(self, stream: ServedStream, record: bytes) -> bool:
        """As `submit`, of one that `FrameFormat` knows as single; False, and nothing, if others of the stream wait."""
        if stream.waiting or stream.rows or self.closed:
            return False
        stream.rows = 1
        found = self._records.get(len(record))
        if found is None:
            found = self._records[len(record)] = _Records(monotonic())
            self.some.set()
        found.streams.append(stream)
        found.data.append(record)
        return True

    def submit_batch(self, batch: Batch) -> list[ServedStream]:
        """As `submit`, of a packet for each of several streams; returns those that are to be closed."""
        # What came before it runs before it.
        self._join_records()
        refused, alone, most = [], [], self._options.queue
        for row, stream in batch.rows():
            if stream.waiting or stream.rows >= most or self.closed:
                alone.append((row, stream))
            else:
                stream.rows += 1
        for row, stream in alone:
            packet = batch.packet(row)
            batch.streams[row] = None
            if not self.submit(stream, packet):
                refused.append(stream)
        self._batches.append((batch, monotonic()))
        self.some.set()
        return refused

    def take(self) -> tuple[Work, list[Batch], float]:
        """All of it, for a round, and since when the oldest has waited."""
        self.some.clear()
        self._join_records()
        ready, self._ready = self._ready, {}
        batches, self._batches = self._batches, []
        work = [(stream, [*stream.waiting]) for stream in ready]
        for stream in ready:
            stream.waiting.clear()
        for batch, _ in batches:
            for _, stream in batch.rows():
                stream.rows = 0
        since = min([*ready.values(), *(since for _, since in batches)], default=float("inf"))
        return work, [batch for batch, _ in batches], since

    def take_out(self, stream: ServedStream) -> list[Packet]:
        """What waits of one stream: rows of batches, which came first, and packets."""
        self._join_records()
        rows = self._batches if stream.rows else []
        stream.rows = 0
        found = [packet for batch, _ in rows if (packet := batch.take_out(stream)) is not None]
        found += [packet for packet in stream.waiting if packet is not None]
        stream.waiting.clear()
        self.forget(stream)
        return found

    def forget(self, stream: ServedStream) -> None:
        """Nothing of it is to be run."""
        self._ready.pop(stream, None)

    def _join_records(self) -> None:
        records, self._records = self._records, {}
        for some in records.values():
            count = int.from_bytes(some.data[0][8:12], "little")
            _, firsts, times_s, frames = self._frames.joined(b"".join(some.data), count)
            self._batches.append((Batch([*some.streams], firsts, times_s, frames), some.since))

    def _drop_oldest(self, stream: ServedStream) -> int:
        """How many frames were let go."""
        self._join_records()
        for batch, _ in self._batches if stream.rows else ():
            if (packet := batch.take_out(stream)) is not None:
                stream.rows -= 1
                return len(packet.frames)
        gone = stream.waiting.popleft()
        return 0 if gone is None else len(gone.frames)


def frames_of(work: Work, batches: Sequence[Batch]) -> Counter[str]:
    """How many frames of each model; of all rows at once, because each frame passes here."""
    found: Counter[str] = Counter()
    for stream, packets in work:
        for packet in packets:
            if packet is not None:
                found[stream.model] += len(packet.frames)
    for batch in batches:
        rows = Counter([stream.model for stream in batch.streams if stream is not None])
        for model, count in rows.items():
            found[model] += count * batch.frames.shape[1]
    return found
