"""Norm and saturation of each state over time, and an alarm for one that grows without bound.

Hidden states of LSTM and GRU stay within [-1, 1]. The cell of an LSTM, a linear recurrence and a running sum need not:
one that drifts by a little a frame passes every short test, and fails after hours.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from rnnedge_runtime.arguments import function, integer, number, shown
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError

# A random walk grows by 1.41 from octave to octave, a steady drift by 2, a state that has settled by 1.
_GROWTH, _OCTAVES = 1.3, 4
# The octaves of one, two and four looks say too little: the peak of a few looks at noise may be anything.
_FIRST = 3
_KEPT = 4096


class Watched(Protocol):
    """What a monitor looks at: a `Stream`."""

    @property
    def frames(self) -> int:
        """Frames since the start of the sequence."""
        ...

    @property
    def states(self) -> dict[str, Array]:
        """The states by name."""
        ...


@dataclass(frozen=True)
class Look:
    """One state after `frame` frames: root mean square of its numbers, and the share of them near or beyond +-1."""

    frame: int
    rms: float
    saturated: float


@dataclass(frozen=True)
class Alarm:
    """A state that grows without bound, or is no longer finite; `rms` is its norm after `frame` frames."""

    state: str
    frame: int
    rms: float
    text: str


class StateMonitor:
    """Looks at the states of one stream from time to time; made by its owner, and asked after pushes.

    Looks are sorted into octaves: the first, the next two, the next four, and so on. An alarm is raised when the
    largest norm has not fallen for four octaves, is at least 1.3 times that of the octave before and 2.8 times that
    of the first of them, and is above `level`. The first three octaves do not count, so an alarm
    comes after 128 looks at the earliest; a state that takes as many to settle may raise it too early: let the looks
    be further apart then.
    `history` has the latest 4,096 looks of each state, oldest first. A new sequence starts the octaves again.
    """

    def __init__(
        self,
        stream: Watched,
        every_frames: int = 100,
        *,
        saturation: float = 0.99,
        level: float = 8.0,
        on_alarm: Callable[[Alarm], None] | None = None,
    ) -> None:
        """Watch `stream`, and look at its states at most once in `every_frames` frames.

        Numbers of a magnitude of at least `saturation` count as saturated; `on_alarm` gets each state's alarm once.
        Raises `InputError` for a distance between looks below one frame.
        """
        if not all(hasattr(stream, name) for name in ("frames", "states")):
            raise InputError(f"monitor: expected a stream, found {shown(stream)}")
        self._stream, self._every = stream, integer(every_frames, "monitor: every_frames")
        self._on_alarm = function(on_alarm, "monitor: on_alarm")
        self._saturation = number(saturation, "monitor: saturation", least=0)
        self._level = number(level, "monitor: level", least=0)
        self.history: dict[str, deque[Look]] = defaultdict(lambda: deque(maxlen=_KEPT))
        self.alarms: dict[str, Alarm] = {}
        self._last, self._looks = 0, 0
        self._peaks: dict[str, dict[int, float]] = {}
        self._begin()

    def look(self) -> dict[str, Look] | None:
        """Look at the states if it is time to; None, in a tenth of a microsecond, where it is not."""
        frames = self._stream.frames
        if 0 <= frames - self._last < self._every:
            return None
        # First what may fail, so that a look happens as a whole or not at all.
        arrays = {name: array for name, array in self._stream.states.items() if array.dtype.kind == "f"}
        found = {name: self._measure(array, frames) for name, array in arrays.items()}
        if frames < self._last:
            self._begin()
        self._last, self._looks = frames, self._looks + 1
        octave = self._looks.bit_length() - 1
        for name, look in found.items():
            self.history[name].append(look)
            self._peaks[name][octave] = max(self._peaks[name][octave], look.rms)
        for name, look in found.items():
            self._judge(name, look, octave)
        return found

    def _begin(self) -> None:
        self._last, self._looks = 0, 0
        self._peaks = defaultdict(lambda: defaultdict(float))

    def _measure(self, array: Array, frames: int) -> Look:
        numbers = array.astype(np.float64).ravel()
        rms = math.sqrt(float(numbers @ numbers) / max(1, len(numbers)))
        return Look(frames, rms, float(np.mean(np.abs(numbers) >= self._saturation)))

    def _judge(self, name: str, look: Look, octave: int) -> None:
        if name in self.alarms:
            return
        peaks = [self._peaks[name][index] for index in range(octave - _OCTAVES, octave + 1)]
        grows = (
            all(now >= before for before, now in pairwise(peaks))
            and peaks[-1] >= _GROWTH * peaks[-2]
            and peaks[-1] >= _GROWTH**_OCTAVES * peaks[0]
        )
        if not math.isfinite(look.rms):
            text = f"state {name!r} is no longer finite after {look.frame} frames"
        elif look.rms >= self._level and octave >= _FIRST + _OCTAVES and grows:
            text = f"state {name!r} grows without bound: its norm went from {peaks[0]:.3g} to {look.rms:.3g} within "
            text += f"{look.frame} frames; reset the stream now and then, or mend the network"
        else:
            return
        alarm = self.alarms[name] = Alarm(name, look.frame, look.rms, text)
        if self._on_alarm is not None:
            self._on_alarm(alarm)
