"""Pushes of a size that a stream has seen before: where their frames go, so that no push has to find out again."""

from __future__ import annotations

from typing import NamedTuple

from rnnedge_runtime.binding import Lane, Lanes
from rnnedge_runtime.contract import Array

_KEPT = 256


class KnownPush(NamedTuple):
    """A push that one call can take, or that waits as a whole; indices are those of an array of frames.

    `lane`: None where there are too few frames for a call. `waiting` and `fresh` are the places in the lane of the
    frames that waited and of those that come, `taken` and `left` the frames of the push that go there and that wait.
    """

    lane: Lane | None
    frames: int
    held: int
    waiting: tuple[slice, ...]
    fresh: tuple[slice, ...]
    taken: tuple[slice, ...]
    left: tuple[slice, ...] | None


class KnownPushes:
    """The known pushes of one stream with one input."""

    def __init__(self, lanes: Lanes, time: int, unit: int, most: int) -> None:
        """`time`: the axis of time. A call takes whole `unit`s, at most `most` frames."""
        self.lanes, self._time, self._unit, self._most = lanes, time, unit, most
        self._known: dict[tuple[int, tuple[int, ...]], KnownPush | None] = {}
        self._made = lanes.made
        # The lanes of pushes that are one call by themselves, by the shape of the frames.
        self.whole: dict[tuple[int, ...], Lane] = {}

    def of(self, frames: Array, rest: Array | None) -> KnownPush | None:
        """How to push `frames` where `rest` waits; None where it takes more than one call, or does not fit."""
        if self._made != self.lanes.made or len(self._known) > _KEPT:
            # One that was made may have taken the place of another, which is not to be kept for this alone.
            self._known.clear()
            self.whole.clear()
            self._made = self.lanes.made
        held = 0 if rest is None else rest.shape[self._time]
        key = held, frames.shape
        try:
            return self._known[key]
        except KeyError:
            known = self._plan(held, frames)
            self._made = self.lanes.made
            self._known[key] = known
            if known is not None and known.lane is not None and not held and known.left is None:
                self.whole[frames.shape] = known.lane
            return known

    def _plan(self, held: int, frames: Array) -> KnownPush | None:
        shape, time = self.lanes.once.shape, self._time
        if shape is None or len(frames.shape) != len(shape):
            return None
        count = frames.shape[time]
        if not count or (*shape[:time], count, *shape[time + 1 :]) != frames.shape:
            return None
        whole = (held + count) // self._unit * self._unit
        if max(whole, count) > self._most:
            return None
        taken = max(0, whole - held)
        left = self._at(taken, None) if taken < count else None
        lane = self.lanes.of(whole) if whole else None
        return KnownPush(lane, count, held, self._at(0, held), self._at(held, None), self._at(0, taken), left)

    def _at(self, start: int, end: int | None) -> tuple[slice, ...]:
        return (*(slice(None),) * self._time, slice(start, end))
