"""Frames that hold a NaN or an infinity, and frames that never came: what a stream runs in their place.

Native LSTM and GRU kernels turn NaN into plausible numbers while scanned and unrolled ones keep it forever, so no such
number may reach any graph: that is also what makes the result the same in every form.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from rnnedge_runtime._scale_check import ScaleCheck
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.faults import Log, Policies
from rnnedge_runtime.frames import non_finite

Arrays = dict[str, Array]


class Guard:
    """Applies the policies of one stream; `last` is the last frame of every input, kept where a policy holds it.

    `last` is replaced, and never changed, so that a call that is undone has the one before.

    Frames are in the user's axis order, (time, ...) for batch 1, else (batch, time, ...).
    """

    def __init__(self, policies: Policies, contract: Contract, batch: int, log: Log) -> None:
        """Start with zeros as the frame before the first."""
        # Until frames that are no silence were compared with those that the file was proven on.
        self.scale: ScaleCheck | None = None
        self._policies, self._ports, self._batch, self._log = policies, contract.inputs, batch, log
        self._time = 0 if batch == 1 else 1
        lead = (1,) if batch == 1 else (batch, 1)
        shapes = {p.name: (*lead, *(int(d) for d in p.frame_shape)) for p in contract.inputs}
        self._none = {p.name: np.zeros(shapes[p.name], p.dtype) for p in contract.inputs}
        self.last = self._none

    def reset(self) -> None:
        """Forget the last frame."""
        self.last = self._none

    def remember(self, arrays: Mapping[str, Array]) -> None:
        """Keep the last frame of `arrays`, where they have one."""
        end = self._at(slice(-1, None))
        self.last = self.last | {name: array[end].copy() for name, array in arrays.items() if array.shape[self._time]}

    def admit(self, arrays: Arrays, before: int) -> list[Arrays]:
        """The frames to run: `arrays` as they are, mended, or cut where the sequence has to start again.

        `before` frames of the sequence came earlier. Between two parts of the result the sequence ends.
        Raises `InputError` where the policy rejects.
        """
        if self.scale is not None:
            over, warned = self.scale.look(arrays)
            if over:
                # Before the warning, which may be an error: the next call goes on.
                self.scale = None
            if warned:
                warnings.warn(warned, RuntimeWarning, stacklevel=2)
        bad = self._bad_frames(arrays)
        if not bad.any():
            return [arrays]
        policy, first, count = self._policies.non_finite, before + int(bad.argmax()), int(bad.sum())
        if policy == "reject":
            raise self._rejected(arrays, before, first, count)
        if policy == "reset":
            self._log("reset", first, count, f"{count} frames with a NaN or an infinity left out; a new sequence began")
            return self._cut(arrays, bad)
        mended = {name: array.copy() for name, array in arrays.items()}
        if policy == "hold":
            for name, array in mended.items():
                self._hold(array, self.last[name], bad)
            self._log("held", first, count, f"{count} frames had a NaN or an infinity; the last finite number was held")
        else:
            for array in mended.values():
                array[~np.isfinite(array)] = 0
            self._log("zeroed", first, count, f"{count} frames had a NaN or an infinity; it was set to zero")
        return [mended]

    def fill(self, frames: int) -> Arrays:
        """`frames` frames in place of those that never came: the last one again, or zeros."""
        hold = self._policies.gap == "hold"
        return {n: np.repeat(a if hold else np.zeros_like(a), frames, axis=self._time) for n, a in self.last.items()}

    def _rejected(self, arrays: Arrays, before: int, first: int, count: int) -> InputError:
        name, array = next((n, a) for n, a in arrays.items() if not np.isfinite(a).all())
        error = non_finite(array, next(p for p in self._ports if p.name == name), self._batch, before)
        self._log("rejected", first, count, str(error))
        return error

    def _bad_frames(self, arrays: Arrays) -> Array:
        """Bool (time,): whether any number of any input and sequence of a frame is not finite."""
        marks = []
        for array in arrays.values():
            others = tuple(i for i in range(array.ndim) if i != self._time)
            marks.append(~np.isfinite(array).all(axis=others))
        return np.asarray(np.any(marks, axis=0))

    def _hold(self, array: Array, last: Array, bad: Array) -> None:
        for index in np.flatnonzero(bad):
            frame = array[self._at(slice(index, index + 1))]
            older = array[self._at(slice(index - 1, index))] if index else last
            np.copyto(frame, older, where=~np.isfinite(frame))

    def _cut(self, arrays: Arrays, bad: Array) -> list[Arrays]:
        """The runs of good frames between bad ones; an empty one where a bad frame is the first or the last."""
        edges = [-1, *np.flatnonzero(bad).tolist(), len(bad)]
        return [
            {name: array[self._at(slice(start + 1, end))] for name, array in arrays.items()}
            for start, end in pairwise(edges)
        ]

    def _at(self, time: slice) -> tuple[slice, ...]:
        return (slice(None),) * self._time + (time,)
