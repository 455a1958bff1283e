"""Numbers and times of frames: what was lost, what came twice, and when a frame was taken."""

from __future__ import annotations

from bisect import bisect_right
from copy import copy
from dataclasses import replace

import numpy as np

from rnnedge.live.protocol.packet import Packet
from rnnedge_runtime.contract import Array

_MOST_ANCHORS = 4096


class Sequence:
    """The number that comes next in one source; its owner asks it about each packet.

    (1) A packet that begins later: frames between are lost. (2) One that begins earlier: what came before is cut off,
    as a broker may deliver twice. (3) One that lies wholly in the past, begins no later than the latest packet, and was
    taken after it: the source has begun again.
    """

    def __init__(self, expected: int | None = None, time_s: float = -float("inf")) -> None:
        """`expected`: the number of the first frame, if it is known; `time_s`: when the packet before was taken."""
        self.expected = expected
        self.lost = self.repeated = 0
        self._latest = (0, time_s)

    def follow(self, first: int, count: int, time_s: float) -> bool:
        """Take `count` frames if they are just the next ones, and no earlier than the latest; else nothing."""
        if first != self.expected or time_s < self._latest[1]:
            return False
        self.expected = first + count
        self._latest = (first, time_s)
        return True

    def copy(self) -> Sequence:
        """Another one that stands where this one does."""
        return copy(self)

    def place(self, packet: Packet) -> tuple[int | None, Packet]:
        """How many frames were lost before the packet, or None if the source begins again; and what of it is new."""
        if self.expected is None:
            self.expected = packet.first
        count = len(packet.frames)
        lost: int | None = max(packet.first - self.expected, 0)
        seen = min(max(self.expected - packet.first, 0), count)
        first, time_s = self._latest
        if seen == count > 0 and packet.first <= first and packet.time_s > time_s:
            lost, seen = None, 0
        if packet.time_s >= time_s:
            self._latest = (packet.first, packet.time_s)
        self.lost += lost or 0
        self.repeated += seen
        new = replace(packet, frames=packet.frames[seen:], first=packet.first + seen) if seen else packet
        if len(new.frames):
            self.expected = new.first + len(new.frames)
        else:
            lost = 0
        return lost, new


class Timeline:
    """When frames were taken: that of the latest packet that begins at or before a frame, and the frames since."""

    def __init__(self, rate_hz: float | None) -> None:
        """`rate_hz`: frames per second; if it is None, all frames of a packet have its time."""
        self._period_s = 1 / rate_hz if rate_hz else 0.0
        self._firsts: list[int] = []
        self._times_s: list[float] = []

    def copy(self) -> Timeline:
        """Another one that remembers the same."""
        other = copy(self)
        other._firsts, other._times_s = self._firsts.copy(), self._times_s.copy()
        return other

    def forget(self, before: int) -> None:
        """No frame before this one is asked for again."""
        at = max(bisect_right(self._firsts, before) - 1, 0)
        del self._firsts[:at], self._times_s[:at]

    def add(self, first: int, time_s: float) -> int:
        """Frame `first` was taken at `time_s`; later calls have later frames. Returns how many are remembered."""
        self._firsts.append(first)
        self._times_s.append(time_s)
        count = len(self._firsts)
        if count > _MOST_ANCHORS:
            del self._firsts[: _MOST_ANCHORS // 2], self._times_s[: _MOST_ANCHORS // 2]
        return count

    def clear(self) -> None:
        """The source begins again."""
        self._firsts.clear()
        self._times_s.clear()

    @property
    def latest(self) -> tuple[int, float] | None:
        """The last frame that was added, and its time."""
        return (self._firsts[-1], self._times_s[-1]) if self._firsts else None

    def time_s(self, frame: float) -> float:
        """When a frame, or a place between two frames, was taken."""
        if frame == self._firsts[-1]:
            return self._times_s[-1]
        at = max(bisect_right(self._firsts, frame) - 1, 0)
        return self._times_s[at] + (frame - self._firsts[at]) * self._period_s

    def times_s(self, frames: Array) -> Array:
        """float64 (n,), of the frames (n,)."""
        return np.array([self.time_s(frame) for frame in frames.tolist()], np.float64)
