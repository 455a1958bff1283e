"""One source into one sink, until the source ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rnnedge.live.buffer import Buffer, Full
from rnnedge.live.events import Detector
from rnnedge.live.predictions import PredictionRows, short
from rnnedge.live.protocol import Packet, Sink, Source
from rnnedge.live.session import Outputs, Session
from rnnedge.live.sound import model_frames
from rnnedge_runtime import Model
from rnnedge_runtime.errors import InputError

_JOIN_S = 2.0


@dataclass(frozen=True)
class LiveReport:
    """`frames` were run, `lost` never came; `dropped` of those were let go because too many waited."""

    frames: int
    lost: int
    dropped: int


def run_live(
    source: Source,
    session: Session,
    sink: Sink,
    model: Model,
    *,
    detector: Detector | None = None,
    values: bool = False,
    logits: bool = False,
    queue: int = 64,
    full: Full | None = None,
) -> LiveReport:
    """Stream all of `source` and send a row for each prediction, or for each event if there is a `detector`.

    `queue` packets of a live source wait at most; `full` says what a further one does, "drop-oldest" if it is None.
    Raises `InputError` for a source without frames, and what source and sink raise; both are the caller's to close.
    """
    write = _writer(sink, detector, PredictionRows(model.contract, values, logits))
    frames = dropped = 0
    buffer = Buffer(queue, full or "drop-oldest") if source.live else None
    with _packets(source, model, buffer) as packets:
        for packet in packets:
            frames += len(packet.frames)
            write(session.take(packet))
    write(session.end())
    if detector is not None:
        _send_events(sink, detector.end())
    if not frames:
        raise InputError(f"{source.name}: expected at least one frame, found none")
    if buffer is not None:
        dropped = buffer.dropped
    return LiveReport(frames, session.sequence.lost, dropped)


def _writer(sink: Sink, detector: Detector | None, rows: PredictionRows) -> Callable[[list[Outputs]], None]:
    def write(outputs: list[Outputs]) -> None:
        if detector is not None:
            _send_events(sink, detector.see(outputs))
            return
        for row in rows.rows(outputs):
            sink.send(row)

    return write


def _send_events(sink: Sink, events: Iterator[dict[str, Any]]) -> None:
    for event in events:
        times = {name: round(value, 6) for name, value in event.items() if name.endswith("_s")}
        sink.send({**event, **times, "score": short(event["score"])})


@contextmanager
def _packets(source: Source, model: Model, buffer: Buffer | None) -> Iterator[Iterator[Packet]]:
    """A source with a pace of its own is read by a thread, so that the stream never holds it up."""
    packets = model_frames(source, model.contract)
    if buffer is None:
        yield packets
        return
    thread = threading.Thread(target=buffer.fill, args=(packets,), name="rnnedge-source", daemon=True)
    thread.start()
    try:
        yield iter(buffer)
    finally:
        buffer.end()
        source.close()
        thread.join(_JOIN_S)
