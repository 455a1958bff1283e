"""Shapes of pushes that a stream has seen before, so that no push has to find out again what it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnedge_runtime._waiting_frames import WaitingFrames
from rnnedge_runtime.binding import Binding, BindingCache
from rnnedge_runtime.contract import Array
from rnnedge_runtime.frames import Frames

_KEPT = 1024


class KnownPushes:
    """The known shapes of one stream, and of one with a single input the bindings of pushes that are one call.

    `first` names the first input, `waiting` is where frames wait, `nothing` an array
    without a frame, or a dictionary of some.
    """

    def __init__(self, bindings: BindingCache, time: int, most: int, nothing: Frames, *, ranged: bool) -> None:
        """`time`: the axis of time. One call takes at most `most` frames. `ranged`: not all numbers are allowed."""
        self.bindings, self.most, self.nothing, self.ranged = bindings, most, nothing, ranged
        self._time = time
        views = bindings.once.views
        self.first, self._dtype = next(iter(views)), bindings.once.dtype
        self._dtypes = {name: view.dtype for name, view in views.items()}
        self._single = len(views) == 1
        self.waiting = WaitingFrames(bindings.once.time_first)
        self._counts: dict[object, int] = {}
        self.whole: dict[tuple[int, ...], Binding] = {}
        self._made = bindings.made

    def frames_of(self, frames: Frames) -> tuple[int, dict[str, Array]]:
        """How many they are, and frames by input, in the order of the inputs; 0 if the short way is not theirs.

        It is that of arrays of the right dtypes that fit, and are no more than one call takes.
        """
        # A class can be pretended, a type cannot.
        if type(frames) is np.ndarray:
            if not self._single or frames.dtype != self._dtype:
                return 0, {}
            arrays = {self.first: frames}
            key: object = frames.shape
        elif type(frames) is dict and frames.keys() == self._dtypes.keys():
            arrays = {name: frames[name] for name in self._dtypes}
            for name, array in arrays.items():
                if type(array) is not np.ndarray or array.dtype != self._dtypes[name]:
                    return 0, {}
            key = tuple([array.shape for array in arrays.values()])
        else:
            return 0, {}
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= _KEPT:
                self._counts.clear()
            count = self._counts[key] = self._look(arrays)
        return count, arrays

    def binding_of(self, frames: int, arrays: Mapping[str, Array], *, alone: bool) -> Binding:
        """The binding of a call; `alone`: it takes all frames of a push of these shapes, and no others."""
        binding = self.bindings.of(frames)
        if self._made != self.bindings.made:
            # It may have taken the place of another, which is not to be kept for this alone.
            self.whole.clear()
            self._made = self.bindings.made
        if alone and self._single:
            self.whole[arrays[self.first].shape] = binding
        return binding

    def _look(self, arrays: Mapping[str, Array]) -> int:
        time, counts = self._time, set()
        for name, view in self.bindings.once.views.items():
            shape, one = arrays[name].shape, view.shape
            if len(shape) != len(one) or (*one[:time], shape[time], *one[time + 1 :]) != shape:
                return 0
            counts.add(shape[time])
        frames = counts.pop()
        return int(frames) if not counts and 0 < frames <= self.most else 0
