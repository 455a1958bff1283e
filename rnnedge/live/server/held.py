"""The last frame of each stream: what stands for numbers that are none, and for frames that never came.

The pool could hold it too, for twice the time of a call; and a NaN of one client would take its call apart for all.
"""

from __future__ import annotations

import numpy as np

from rnnedge_runtime.contract import Array, Port


class HeldFrames:
    """A frame for each of `capacity` places; used by one thread at a time."""

    def __init__(self, port: Port, capacity: int) -> None:
        """All are zeros."""
        shape = tuple(int(d) for d in port.frame_shape)
        self.last = np.zeros((capacity, *shape), port.dtype)
        self._may_be_none = self.last.dtype.kind == "f"

    def finite(self, frames: Array) -> Array:
        """Bool (rows,): whether all numbers of a row of (rows, frames, ...) are finite."""
        if not self._may_be_none:
            return np.ones(len(frames), bool)
        return np.asarray(np.isfinite(frames).reshape(len(frames), -1).all(axis=1))

    def mend(self, place: int, frames: Array) -> Array:
        """Frames (time, ...) with the last finite number of its feature in place of each that is none."""
        if not self._may_be_none or np.isfinite(frames).all():
            return frames
        mended = frames.copy()
        before = self.last[place]
        for frame in mended:
            np.copyto(frame, before, where=~np.isfinite(frame))
            before = frame
        return mended

    def repeat(self, place: int, count: int) -> Array:
        """The last frame, `count` times."""
        return np.repeat(self.last[place][None], count, axis=0)

    def clear(self, place: int) -> None:
        """Another sequence begins."""
        self.last[place] = 0
