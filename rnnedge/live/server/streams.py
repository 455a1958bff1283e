"""Streams of a server in one pool: rounds over what waits. Used by one thread at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnedge.live.protocol import Packet, Sequence
from rnnedge.live.session import Outputs, Stamps
from rnnedge_runtime import Member, Model
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import InputError, RnnEdgeError
from rnnedge_runtime.faults import Gap

# Frames that the gaps of a stream are filled with in a round at most: a client may leave out numbers, but not take the
# time of the others.
_MOST_GAP = 4096


@dataclass(eq=False)
class ServedStream:
    """One stream: its place in the pool, what waits for the next round, and where it stands.

    Made by `StreamTable.open`; `tell` gets the result of each round. `None` in `waiting` is the end.
    """

    member: Member
    id: str
    sequence: Sequence
    stamps: Stamps
    tell: Callable[[Result], None]
    waiting: deque[Packet | None] = field(default_factory=deque)
    open: bool = True


@dataclass(frozen=True, eq=False)
class Result:
    """What a round made of one stream: outputs, and why it ended if it did."""

    outputs: list[Outputs]
    error: str = ""
    finished: bool = False


class StreamTable:
    """The pool of a server and its streams; all methods are for one thread at a time."""

    def __init__(self, model: Model, capacity: int, gap: Gap) -> None:
        self.model, self.capacity, self._gap = model, capacity, gap
        self._pool = model.pool(capacity)

    def __len__(self) -> int:
        """How many streams there are."""
        return len(self._pool)

    def open(self, name: str, tell: Callable[[Result], None], kept: dict[str, Any] | None = None) -> ServedStream:
        """A stream that begins, or goes on where one of `keep` stood. Raises `InputError` if there is no room."""
        contract = self.model.contract
        member = self._pool.join(name, gap=self._gap, non_finite="hold")
        stream = ServedStream(member, name, Sequence(), Stamps(contract), tell)
        if kept is not None:
            try:
                self._pool.restore(member, kept["snapshot"], f"stream {name!r}")
            except RnnEdgeError:
                self._pool.leave(member)
                raise
            stream.sequence = Sequence(kept["next"])
            stream.stamps.restore(kept["base"], kept["made"])
            if kept["latest"] is not None:
                stream.stamps.timeline.add(*kept["latest"])
        return stream

    def keep(self, stream: ServedStream) -> dict[str, Any]:
        """Where the stream stands, for `open`: the next frame it expects, its states, its numbers and times."""
        base, made = stream.stamps.position
        numbers = {"next": stream.sequence.expected, "base": base, "made": made}
        return {**numbers, "latest": stream.stamps.timeline.latest, "snapshot": self._pool.snapshot(stream.member)}

    def close(self, stream: ServedStream) -> None:
        """Its place is free; may be called twice."""
        if stream.open:
            stream.open = False
            self._pool.leave(stream.member)

    def run(self, work: Collection[tuple[ServedStream, list[Packet | None]]]) -> list[tuple[ServedStream, Result]]:
        """One round: what waits of each stream, with one call of the pool for all that is not a gap or an end.

        An error ends its own stream, and no other.
        """
        found: dict[ServedStream, list[Outputs]] = {stream: [] for stream, _ in work if stream.open}
        ended: dict[ServedStream, Result] = {}
        together: dict[ServedStream, Array] = {}
        for stream, packets in work:
            if not stream.open:
                continue
            try:
                frames, finished = self._lead(stream, packets, found[stream])
            except RnnEdgeError as error:
                ended[stream] = Result(found[stream], str(error))
                continue
            if finished:
                ended[stream] = Result(found[stream], finished=True)
            elif frames is not None:
                together[stream] = frames
        for stream, reason in self._push(together, found).items():
            ended[stream] = Result(found[stream], reason)
        for stream in ended:
            self.close(stream)
        return [(stream, ended.get(stream) or Result(outputs)) for stream, outputs in found.items()]

    def _lead(
        self, stream: ServedStream, packets: list[Packet | None], found: list[Outputs]
    ) -> tuple[Array | None, bool]:
        """Run everything but the last consecutive frames, which are returned; and whether the stream has ended."""
        run: list[Array] = []
        missing = 0
        for packet in packets:
            if packet is None:
                self._push_alone(stream, run, found)
                self._end(stream, found)
                return None, True
            lost, new = stream.sequence.place(packet)
            if not len(new.frames):
                continue
            if lost != 0:
                self._push_alone(stream, run, found)
                run = []
                missing += lost or 0
                self._fill(stream, None if lost is None else (lost, missing), new.first, found)
            if not run and not self._pool.frames(stream.member):
                stream.stamps.begin(new.first)
            stream.stamps.timeline.add(new.first, new.time_s)
            run.append(new.frames)
        return (np.concatenate(run) if len(run) > 1 else run[0]) if run else None, False

    def _fill(self, stream: ServedStream, gap: tuple[int, int] | None, first: int, found: list[Outputs]) -> None:
        """What a gap, its frames and those of the round so far, makes of the stream; None: its source begins again."""
        if gap is None or gap[1] > _MOST_GAP or self._gap == "reset":
            self._end(stream, found)
            if gap is None:
                stream.stamps.timeline.clear()
            self._pool.reset(stream.member)
        elif self._pool.frames(stream.member):
            found += stream.stamps.stamp(self._pool.gap(stream.member, gap[0]), first - 1)

    def _end(self, stream: ServedStream, found: list[Outputs]) -> None:
        fed = self._pool.frames(stream.member)
        if fed:
            last = stream.stamps.position[0] + fed - 1
            found += stream.stamps.stamp(self._pool.finish(stream.member), last)

    def _push_alone(self, stream: ServedStream, run: list[Array], found: list[Outputs]) -> None:
        if run:
            given = self._pool.push({stream.member: np.concatenate(run)})[stream.member]
            found += stream.stamps.stamp(given, (stream.sequence.expected or 1) - 1)

    def _push(
        self, together: dict[ServedStream, Array], found: dict[ServedStream, list[Outputs]]
    ) -> dict[ServedStream, str]:
        """One call for all; if it fails, one for each, so that the error is that of its stream. Returns the errors."""
        if not together:
            return {}
        try:
            given = self._pool.push({stream.member: frames for stream, frames in together.items()})
        except RnnEdgeError as error:
            if len(together) == 1:
                return {next(iter(together)): str(error)}
            errors: dict[ServedStream, str] = {}
            for stream, frames in together.items():
                errors |= self._push({stream: frames}, found)
            return errors
        for stream in together:
            found[stream] += stream.stamps.stamp(given[stream.member], (stream.sequence.expected or 1) - 1)
        return {}


def check_served(contract: Contract, name: str) -> None:
    """Raise `InputError` for a model that a server cannot give streams of."""
    if len(contract.inputs) > 1 or contract.contexts:
        raise InputError(f"{name}: expected a model of one input and no context; serve it from a program")
