"""One round: what waits of all streams, with as few calls of the pool as possible."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

import numpy as np

from rnnedge.live.protocol import Packet
from rnnedge.live.server.batch import Answers, Batch
from rnnedge.live.server.served import RecordSink, Result, ServedStream
from rnnedge.live.server.streams import StreamTable
from rnnedge.live.session import Outputs
from rnnedge_runtime import Member
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import RnnEdgeError
from rnnedge_runtime.frames import Frames

# Frames that the gaps of a stream are filled with in a round at most: a client may leave out numbers, but not take the
# time of the others.
_MOST_GAP = 4096

Work: TypeAlias = Collection[tuple[ServedStream, Sequence[Packet | None]]]


@dataclass(eq=False)
class Round:
    """What came of it: answers as records, and of each stream that took part in another way its result."""

    answers: list[Answers] = field(default_factory=list)
    found: dict[ServedStream, list[Outputs]] = field(default_factory=dict)
    ended: dict[ServedStream, Result] = field(default_factory=dict)

    @property
    def results(self) -> list[tuple[ServedStream, Result]]:
        """Of each stream that has outputs or ended."""
        found = {stream: Result(outputs) for stream, outputs in self.found.items()}
        return list((found | self.ended).items())

    def fail(self, stream: ServedStream, error: RnnEdgeError) -> None:
        """An error ends its own stream, and no other."""
        self.ended[stream] = Result(self.found.get(stream, []), str(error))


def run_round(table: StreamTable, work: Work, batches: Sequence[Batch] = ()) -> Round:
    """All of it: first the batches, then `work`, of each stream in the order of its packets."""
    done = Round()
    slow: dict[ServedStream, list[Packet | None]] = {}
    for batch in batches:
        _advance(table, batch, slow, done)
    for alike in _waves(work):
        frames = np.stack([packet.frames for _, packet in alike])
        firsts, times_s = [packet.first for _, packet in alike], [packet.time_s for _, packet in alike]
        _advance(table, Batch([stream for stream, _ in alike], firsts, times_s, frames), slow, done)
    for stream, packets in work:
        # Those without frames are answered too.
        rest = [packet for packet in packets if packet is None or not len(packet.frames)]
        if rest:
            slow.setdefault(stream, []).extend(rest)
    _catch_up(table, slow, done)
    for stream in done.ended:
        table.close(stream)
    return done


def _waves(work: Work) -> list[list[tuple[ServedStream, Packet]]]:
    """The first packets of all streams, then the second ones, those of equal length together; up to an end."""
    waves: dict[tuple[int, ...], list[tuple[ServedStream, Packet]]] = {}
    for stream, packets in work:
        for number, packet in enumerate(packets):
            if packet is None:
                break
            if len(packet.frames):
                waves.setdefault((number, *packet.frames.shape), []).append((stream, packet))
    return [waves[key] for key in sorted(waves)]


def _advance(table: StreamTable, batch: Batch, slow: dict[ServedStream, list[Packet | None]], done: Round) -> None:
    """Run the rows that are just the next frames of their stream in one call; the others are left to `slow`."""
    count, firsts, times_s = batch.frames.shape[1], batch.firsts, batch.times_s
    finite = table.held.finite(batch.frames).tolist()
    rows: list[int] = []
    streams: list[ServedStream] = []
    for row, stream in batch.rows():
        # The pool runs those together that are ready; one that is not would make it run each by itself.
        stamps, first, time_s = stream.stamps, firsts[row], times_s[row]
        ready = finite[row] and stamps.begun and stream.member.ready and not (slow and stream in slow)
        # One that failed in this round gives no more, or its outputs would have the numbers of lost ones.
        ready = ready and stream.open and not (done.ended and stream in done.ended)
        if ready and stream.sequence.follow(first, count, time_s):
            stamps.add(first, time_s)
            rows.append(row)
            streams.append(stream)
        else:
            slow.setdefault(stream, []).append(batch.packet(row))
    if not rows:
        return
    frames = batch.frames if len(rows) == len(batch.frames) else batch.frames[rows]
    given: dict[Member, Frames] = {}
    begin = 0
    for size in table.calls(len(rows)):
        end = begin + size
        given.update(_pushed(table, streams[begin:end], frames[begin:end], done))
        begin = end
    table.held.last[[stream.place for stream in streams]] = frames[:, -1]
    answered: dict[tuple[str, tuple[int, ...]], Answers] = {}
    for row, stream in zip(rows, streams, strict=True):
        if (found := given.get(stream.member)) is None:
            continue
        last = firsts[row] + count - 1
        if stream.records is None:
            done.found.setdefault(stream, []).extend(stream.stamps.stamp(found, last))
        else:
            _record(stream, stream.records, found, last, answered)
    done.answers.extend(answered.values())


def _pushed(table: StreamTable, streams: list[ServedStream], frames: Array, done: Round) -> Mapping[Member, Frames]:
    """What one call gives each; if it fails, one call for each, whose results are in `done`."""
    try:
        return table.pool.push(dict(zip([stream.member for stream in streams], frames, strict=True)))
    except RnnEdgeError:
        for stream, part in zip(streams, frames, strict=True):
            _push_at_once(table, {stream: part}, done)
        return {}


def _record(
    stream: ServedStream,
    sink: RecordSink,
    given: Frames,
    last: int,
    answered: dict[tuple[str, tuple[int, ...]], Answers],
) -> None:
    """`last`: the number of the last frame that was pushed."""
    for name, values in stream.stamps.named(given):
        if not len(values):
            continue
        first, time_s = stream.stamps.next(name, len(values), last)
        answers = answered.get((name, values.shape))
        if answers is None:
            answers = answered[name, values.shape] = Answers(name)
        answers.sinks.append(sink)
        answers.numbers.append(stream.number)
        answers.firsts.append(first)
        answers.times_s.append(time_s)
        answers.values.append(values)


def _catch_up(table: StreamTable, slow: dict[ServedStream, list[Packet | None]], done: Round) -> None:
    """Streams with several packets, with a gap, a fault or an end: what can be pushed together is, at the end."""
    together: dict[ServedStream, Array] = {}
    for stream, packets in slow.items():
        if not stream.open or stream in done.ended:
            continue
        found = done.found.setdefault(stream, [])
        try:
            frames, finished = _lead(table, stream, packets, found)
        except RnnEdgeError as error:
            done.fail(stream, error)
            continue
        if finished:
            done.ended[stream] = Result(found, finished=True)
        elif frames is not None:
            together[stream] = frames
    _push(table, together, done)


def _lead(
    table: StreamTable, stream: ServedStream, packets: Sequence[Packet | None], found: list[Outputs]
) -> tuple[Array | None, bool]:
    """Run everything but the last consecutive frames, which are returned; and whether the stream has ended."""
    run: list[Array] = []
    missing = 0
    for packet in packets:
        if packet is None:
            _push_run(table, stream, run, found)
            _end(table, stream, found)
            return None, True
        lost, new = stream.sequence.place(packet)
        if not len(new.frames):
            continue
        if lost != 0:
            _push_run(table, stream, run, found)
            run = []
            missing += lost or 0
            _fill(table, stream, None if lost is None else (lost, missing), new.first, found)
        if not run and not table.pool.frames(stream.member):
            stream.stamps.begin(new.first)
        stream.stamps.add(new.first, new.time_s)
        run.append(new.frames)
    return (np.concatenate(run) if len(run) > 1 else run[0]) if run else None, False


def _fill(
    table: StreamTable, stream: ServedStream, gap: tuple[int, int] | None, first: int, found: list[Outputs]
) -> None:
    """What a gap, its frames and those of the round so far, makes of the stream; None: its source begins again."""
    if gap is None or gap[1] > _MOST_GAP or table.gap == "reset":
        _end(table, stream, found)
        if gap is None:
            stream.stamps.timeline.clear()
        table.reset(stream)
    elif table.pool.frames(stream.member):
        found += stream.stamps.stamp(table.push_gap(stream, gap[0]), first - 1)


def _end(table: StreamTable, stream: ServedStream, found: list[Outputs]) -> None:
    fed = table.pool.frames(stream.member)
    if fed:
        last = stream.stamps.position[0] + fed - 1
        found += stream.stamps.stamp(table.pool.finish(stream.member), last)


def _push_run(table: StreamTable, stream: ServedStream, run: list[Array], found: list[Outputs]) -> None:
    if run:
        given = table.push({stream: np.concatenate(run)})[stream]
        found += stream.stamps.stamp(given, (stream.sequence.expected or 1) - 1)


def _push(table: StreamTable, together: dict[ServedStream, Array], done: Round) -> None:
    """A few calls for all; one that fails is one for each, so that the error is that of its stream."""
    if not together:
        return
    if len(together) > 1 and len(sizes := table.calls(len(together))) > 1:
        streams = iter(together)
        for size in sizes:
            _push_at_once(table, {stream: together[stream] for stream in islice(streams, size)}, done)
    else:
        _push_at_once(table, together, done)


def _push_at_once(table: StreamTable, together: dict[ServedStream, Array], done: Round) -> None:
    try:
        given = table.push(together)
    except RnnEdgeError as error:
        if len(together) == 1:
            done.fail(next(iter(together)), error)
            return
        for stream, frames in together.items():
            _push_at_once(table, {stream: frames}, done)
        return
    for stream, found in given.items():
        last = (stream.sequence.expected or 1) - 1
        done.found.setdefault(stream, []).extend(stream.stamps.stamp(found, last))
