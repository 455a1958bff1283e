"""Packets of equal length, each of another stream, and what became of them: a few arrays in place of many objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rnnedge.live.protocol import Packet
from rnnedge.live.server.served import RecordSink, ServedStream
from rnnedge_runtime.contract import Array


@dataclass(eq=False)
class Batch:
    """`frames` is (rows, frames, ...); a row without a stream was dropped."""

    streams: list[ServedStream | None]
    firsts: list[int]
    times_s: list[float]
    frames: Array
    _rows: dict[ServedStream, int] = field(default_factory=dict)

    def packet(self, row: int) -> Packet:
        """One row."""
        return Packet(self.frames[row], self.firsts[row], self.times_s[row])

    def rows(self) -> Iterator[tuple[int, ServedStream]]:
        """Those that were not dropped."""
        return ((row, stream) for row, stream in enumerate(self.streams) if stream is not None)

    def of_model(self, model: str) -> Batch | None:
        """The rows of streams that are on this model; None if there are none."""
        streams = [one if one is not None and one.model == model else None for one in self.streams]
        return Batch(streams, self.firsts, self.times_s, self.frames) if any(streams) else None

    def take_out(self, stream: ServedStream) -> Packet | None:
        """The row of a stream, which is then dropped; None if it has none."""
        if not self._rows:
            self._rows = {stream: row for row, stream in self.rows()}
        row = self._rows.pop(stream, None)
        if row is None or self.streams[row] is None:
            return None
        self.streams[row] = None
        return self.packet(row)


@dataclass(eq=False)
class Answers:
    """Frames of one output, of each row equally many: who takes them, the number of its first frame, and its time.

    `values` has (frames, ...) of each row.
    """

    output: str
    sinks: list[RecordSink] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    values: list[Array] = field(default_factory=list)
