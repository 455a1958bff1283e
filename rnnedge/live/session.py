"""Packets into a stream, and outputs that know when what they say was so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from rnnedge.live.protocol import Packet, Sequence, Timeline
from rnnedge_runtime import Event, Model
from rnnedge_runtime.arguments import choice
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.faults import Gap, NonFinite
from rnnedge_runtime.frames import MOST_GAP, Frames
from rnnedge_runtime.golden import named


@dataclass(frozen=True, eq=False)
class Outputs:
    """Frames of one output.

    `frames`: int64 (n,), the number of the input frame that each belongs to, as the source counts; a summary has that
    of the last frame. `times_s`: float64 (n,), when that frame was taken: no lookahead, waiting or filter is in it.
    `values`: (n, ...).
    """

    name: str
    frames: Array
    times_s: Array
    values: Array


class Stamps:
    """Numbers and times for what one sequence gives; one for each sequence, kept by its owner."""

    def __init__(self, contract: Contract) -> None:
        """Nothing has come yet."""
        self._contract = contract
        self.timeline = Timeline(contract.frame_rate_hz)
        self._base = 0
        self._made: dict[str, int] = {}

    def begin(self, frame: int) -> None:
        """A sequence begins with this frame of the source."""
        self._base = frame
        self._made = {}

    def stamp(self, given: Frames, last: int) -> list[Outputs]:
        """What `push`, `gap` or `finish` returned; `last` is the number of the last frame that was given."""
        found = []
        by_name = named(self._contract, given)
        for port in self._contract.outputs:
            values = by_name.get(port.name)
            if values is None or not len(values):
                continue
            if port.per_frame:
                made = self._made.get(port.name, 0)
                rate = port.clock.rate
                numbers = np.arange(made, made + len(values))
                if rate != 1:
                    numbers = numbers * rate.denominator // rate.numerator
                numbers += self._base
                self._made[port.name] = made + len(values)
            else:
                numbers = np.full(len(values), last)
            found.append(Outputs(port.name, numbers, self.timeline.times_s(numbers), values))
        return found

    @property
    def position(self) -> tuple[int, dict[str, int]]:
        """What `restore` takes."""
        return self._base, dict(self._made)

    def restore(self, base: int, made: dict[str, int]) -> None:
        """Go on where others stood."""
        self._base, self._made = base, dict(made)


class Session:
    """One source and one stream; made by its caller, used by one thread.

    Frames that are lost between two packets are the gap policy's: "hold" and "zero" keep outputs aligned with the
    source, "reset" ends the sequence and begins another. So does a source that begins again, and a gap of more than
    2^24 frames.
    """

    def __init__(
        self,
        model: Model,
        *,
        context: Mapping[str, object] | None = None,
        gap: Gap = "hold",
        non_finite: NonFinite = "reject",
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        """As for `Model.stream`, without "reset" for `non_finite`. Raises `InputError` for what does not exist."""
        choice(non_finite, "live: non_finite", ("reject", "hold", "zero"))
        self.stream = model.stream(context=context, gap=gap, non_finite=non_finite, on_event=on_event)
        self._resets = gap == "reset"
        self.sequence = Sequence()
        self._stamps = Stamps(model.contract)

    def take(self, packet: Packet) -> list[Outputs]:
        """The outputs that became computable, those of frames that were lost before the packet too."""
        lost, new = self.sequence.place(packet)
        if not len(new.frames):
            return []
        found = []
        if lost is None or (lost and self._resets) or (lost or 0) > MOST_GAP:
            found = self.end()
            if lost is None:
                self._stamps.timeline.clear()
        elif lost and self.stream.frames:
            found = self._stamps.stamp(self.stream.gap(lost), new.first - 1)
        if not self.stream.frames:
            self._stamps.begin(new.first)
        self._stamps.timeline.add(new.first, new.time_s)
        return found + self._stamps.stamp(self.stream.push(new.frames), new.first + len(new.frames) - 1)

    def end(self) -> list[Outputs]:
        """What only the end of the sequence completes; the next packet begins another one."""
        if not self.stream.frames:
            return []
        last = (self._stamps.position[0] + self.stream.frames) - 1
        found = self._stamps.stamp(self.stream.finish(), last)
        self.stream.reset()
        return found
