"""Packets into a stream, and outputs that know when what they say was so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass

import numpy as np

from rnnedge.live.protocol import Packet, Sequence, Timeline
from rnnedge_runtime import Event, Model
from rnnedge_runtime.arguments import choice
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.faults import Gap, NonFinite
from rnnedge_runtime.frames import MOST_GAP, Frames

# Times of packets that are kept, of more only those that an output still needs.
_ANCHORS = 32


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
        self._contract, self._only = contract, contract.outputs[0].name
        rates = {port.name: port.clock.rate for port in contract.outputs if port.per_frame}
        # Input frames by output frames: the number of an output frame is made * denominator // numerator.
        self._rates = {name: (rate.denominator, rate.numerator) for name, rate in rates.items()}
        self.timeline = Timeline(contract.frame_rate_hz)
        self.begun = False
        self._base = 0
        self._made: dict[str, int] = {}

    def begin(self, frame: int) -> None:
        """A sequence begins with this frame of the source."""
        self.begun = True
        self._base = frame
        self._made = {}

    def add(self, first: int, time_s: float) -> None:
        """Frame `first` of the source was taken at `time_s`; later calls have later frames."""
        if self.timeline.add(first, time_s) > _ANCHORS:
            awaited = [self._number(self._made.get(name, 0), *rate) for name, rate in self._rates.items()]
            self.timeline.forget(min(awaited, default=first))

    def next(self, name: str, count: int, last: int) -> tuple[int, float]:
        """As `stamp`, of `count` frames of one output: number and time of the first of them."""
        number, rate = last, self._rates.get(name)
        if rate is not None:
            made = self._made.get(name, 0)
            number = self._base + made * rate[0] // rate[1]
            self._made[name] = made + count
        return number, self.timeline.time_s(number)

    def named(self, given: Frames) -> Iterable[tuple[str, Array]]:
        """Outputs by name."""
        return ((self._only, given),) if isinstance(given, np.ndarray) else given.items()

    def stamp(self, given: Frames, last: int) -> list[Outputs]:
        """What `push`, `gap` or `finish` returned; `last` is the number of the last frame that was given."""
        found = []
        by_name = dict(self.named(given))
        for port in self._contract.outputs:
            values = by_name.get(port.name)
            if values is None or not len(values):
                continue
            if port.per_frame:
                made = self._made.get(port.name, 0)
                over, under = self._rates[port.name]
                numbers = np.arange(made, made + len(values)) * over // under + self._base
                self._made[port.name] = made + len(values)
            else:
                numbers = np.full(len(values), last)
            found.append(Outputs(port.name, numbers, self.timeline.times_s(numbers), values))
        return found

    def copy(self) -> Stamps:
        """Another one that stands where this one does."""
        other = copy(self)
        other._made, other.timeline = dict(self._made), self.timeline.copy()
        return other

    @property
    def position(self) -> tuple[int, dict[str, int]]:
        """What `restore` takes."""
        return self._base, dict(self._made)

    def restore(self, base: int, made: dict[str, int]) -> None:
        """Go on where others stood."""
        self._base, self._made, self.begun = base, dict(made), True

    def _number(self, made: int, over: int, under: int) -> int:
        return self._base + made * over // under


def _nothing() -> None:
    """One call of a stream puts back what it has changed by itself."""


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
        self._undo: Callable[[], object] = _nothing

    def take(self, packet: Packet) -> list[Outputs]:
        """The outputs that became computable, those of frames that were lost before the packet too.

        Where it raises, the packet has not come: what follows finds its frames lost.
        """
        place, stamps = self.sequence.copy(), self._stamps.copy()
        self._undo = _nothing
        try:
            return self._take(packet)
        except BaseException:
            self.sequence, self._stamps = place, stamps
            self._undo()
            raise

    def _take(self, packet: Packet) -> list[Outputs]:
        lost, new = self.sequence.place(packet)
        if not len(new.frames):
            return []
        found = []
        if lost != 0 and self.stream.frames:
            # Then it takes several calls of the stream.
            self._undo = self.stream.runner.keep()
        if lost is None or (lost and self._resets) or (lost or 0) > MOST_GAP:
            found = self.end()
            if lost is None:
                self._stamps.timeline.clear()
        elif lost and self.stream.frames:
            found = self._stamps.stamp(self.stream.gap(lost), new.first - 1)
        if not self.stream.frames:
            self._stamps.begin(new.first)
        self._stamps.add(new.first, new.time_s)
        return found + self._stamps.stamp(self.stream.push(new.frames), new.first + len(new.frames) - 1)

    def end(self) -> list[Outputs]:
        """What only the end of the sequence completes; the next packet begins another one."""
        if not self.stream.frames:
            return []
        last = (self._stamps.position[0] + self.stream.frames) - 1
        found = self._stamps.stamp(self.stream.finish(), last)
        self.stream.reset()
        return found
