"""Shapes of pushes that a stream has seen before, so that no push has to find out again what it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnedge_runtime.binding import Lane, Lanes
from rnnedge_runtime.contract import Array
from rnnedge_runtime.frames import Frames

_KEPT = 256


class KnownShape(NamedTuple):
    """Frames that fit: how many, and what takes their `isfinite`; its bytes are `all_finite` where all of them are."""

    frames: int
    mask: Array
    all_finite: bytes


class KnownPushes:
    """The known shapes of one stream with one input, and the lanes of pushes that are one call by themselves."""

    def __init__(self, lanes: Lanes, time: int, most: int, nothing: Frames) -> None:
        """`time`: the axis of time. One call takes at most `most` frames. `nothing`: no frame of any output."""
        self.lanes, self.most, self.nothing = lanes, most, nothing
        self._time = time
        self._shapes: dict[tuple[int, ...], KnownShape | None] = {}
        self.whole: dict[tuple[int, ...], Lane] = {}
        self._made = lanes.made

    def shape_of(self, frames: Array) -> KnownShape | None:
        """None where they do not fit, or are more than one call takes."""
        try:
            return self._shapes[frames.shape]
        except KeyError:
            if len(self._shapes) >= _KEPT:
                self._shapes.clear()
            found = self._shapes[frames.shape] = self._look(frames.shape)
            return found

    def lane_of(self, frames: int, shape: tuple[int, ...], *, alone: bool) -> Lane:
        """The lane of a call; `alone`: it takes all frames of a push of this shape, and no others."""
        lane = self.lanes.of(frames)
        if self._made != self.lanes.made:
            # It may have taken the place of another, which is not to be kept for this alone.
            self.whole.clear()
            self._made = self.lanes.made
        if alone:
            self.whole[shape] = lane
        return lane

    def _look(self, shape: tuple[int, ...]) -> KnownShape | None:
        one, time = self.lanes.once.shape, self._time
        if one is None or len(shape) != len(one) or not 0 < shape[time] <= self.most:
            return None
        if (*one[:time], shape[time], *one[time + 1 :]) != shape:
            return None
        mask = np.ones(shape, bool)
        return KnownShape(shape[time], mask, mask.tobytes())
