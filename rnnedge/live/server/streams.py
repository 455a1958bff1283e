"""Streams of a server in one pool, and where each stands. Used by one thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rnnedge.live.protocol import Sequence
from rnnedge.live.server.held import HeldFrames
from rnnedge.live.server.served import Result, ServedStream
from rnnedge.live.session import Stamps
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.faults import Gap
from rnnedge_runtime.frames import Frames

# Members of a call, of which any number is made up.
_SIZES = (4096, 1024, 256, 64, 16, 4, 1)
_OFTEN = 16


class StreamTable:
    """The pool of a server and its streams; all methods are for one thread at a time."""

    def __init__(self, model: Model, capacity: int, gap: Gap) -> None:
        self.model, self.capacity, self.gap = model, capacity, gap
        self.pool = model.pool(capacity)
        self.held = HeldFrames(model.contract.inputs[0], capacity)
        self._free = list(range(capacity))[::-1]
        # How many ran the last time, how often in turn, and what was so often that it has buffers of its own.
        self._latest = self._alike = self._usual = 0

    def __len__(self) -> int:
        """How many streams there are."""
        return len(self.pool)

    def open(self, name: str, tell: Callable[[Result], None], kept: dict[str, Any] | None = None) -> ServedStream:
        """A stream that begins, or goes on where one of `keep` stood. Raises `InputError` if there is no room."""
        member = self.pool.join(name, gap="zero")
        stream = ServedStream(
            member, self._free.pop(), self.model.digest, name, Sequence(), Stamps(self.model.contract), tell
        )
        self.held.clear(stream.place)
        if kept is not None:
            try:
                self._go_on(stream, kept)
            # A snapshot of another kind too: the place is free again, whatever it was.
            except BaseException:
                self.close(stream)
                raise
        return stream

    def keep(self, stream: ServedStream) -> dict[str, Any]:
        """Where the stream stands, for `open`: the next frame it expects, its states, its numbers and times."""
        base, made = stream.stamps.position
        numbers = {"model": stream.model, "next": stream.sequence.expected, "base": base, "made": made}
        held = self.held.last[stream.place].tobytes()
        snapshot = self.pool.snapshot(stream.member)
        return {**numbers, "latest": stream.stamps.timeline.latest, "held": held, "snapshot": snapshot}

    def close(self, stream: ServedStream) -> None:
        """Its place is free; may be called twice."""
        if stream.open:
            stream.open = False
            self.pool.leave(stream.member)
            self._free.append(stream.place)

    def calls(self, count: int) -> list[int]:
        """How many members run in each call: all at once if as many run again and again, else in a few sizes.

        A pool keeps the buffers of eight sizes of a call, and making those of a ninth takes as long as many calls.
        """
        self._alike = self._alike + 1 if count == self._latest else 0
        self._latest = count
        if self._alike == _OFTEN:
            self._usual = count
        if count == self._usual:
            return [count]
        sizes: list[int] = []
        for size in _SIZES:
            sizes += [size] * (count // size)
            count %= size
        return sizes

    def push(self, given: Mapping[ServedStream, Array]) -> dict[ServedStream, Frames]:
        """As `StreamPool.push`; numbers that are none are those of the frame before."""
        mended = {stream: self.held.mend(stream.place, frames) for stream, frames in given.items()}
        for stream, frames in given.items():
            if mended[stream] is not frames:
                stream.mended += int((~self.held.finite(frames)).sum())
        found = self.pool.push({stream.member: frames for stream, frames in mended.items()})
        for stream, frames in mended.items():
            self.held.last[stream.place] = frames[-1]
        return {stream: found[stream.member] for stream in mended}

    def push_gap(self, stream: ServedStream, count: int) -> Frames:
        """As `StreamPool.gap`: `count` frames that never came."""
        if self.gap == "hold":
            return self.push({stream: self.held.repeat(stream.place, count)})[stream]
        self.held.clear(stream.place)
        return self.pool.gap(stream.member, count)

    def reset(self, stream: ServedStream) -> None:
        """Its next frame begins another sequence."""
        self.pool.reset(stream.member)
        self.held.clear(stream.place)

    def _go_on(self, stream: ServedStream, kept: dict[str, Any]) -> None:
        self.pool.restore(stream.member, kept["snapshot"], f"stream {stream.id!r}")
        held, last = self.held.last[stream.place], kept.get("held", b"")
        if last:
            if len(last) != held.nbytes:
                raise InputError(f"stream {stream.id!r}: its held frame is damaged; begin the stream again")
            held[...] = np.frombuffer(last, held.dtype).reshape(held.shape)
        if self.pool.frames(stream.member):
            stream.stamps.restore(kept["base"], kept["made"])
        stream.sequence = Sequence(kept["next"])
        if kept["latest"] is not None:
            stream.stamps.add(*kept["latest"])
            # A packet that comes once more is then no source that begins again.
            stream.sequence = Sequence(kept["next"], kept["latest"][1])
        stream.coming = kept["next"]
