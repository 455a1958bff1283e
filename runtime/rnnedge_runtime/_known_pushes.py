"""Shapes of pushes that a stream has seen before, so that no push has to find out again what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from rnnedge_runtime.binding import Binding, BindingCache
from rnnedge_runtime.contract import Array
from rnnedge_runtime.frames import Frames

_KEPT = 256


class KnownShape(NamedTuple):
    """Frames that fit: how many, and for each input what takes `isfinite`, with its bytes where all of it is."""

    frames: int
    masks: tuple[tuple[str, Array, bytes], ...]

    def all_finite(self, arrays: Mapping[str, Array]) -> bool:
        """Whether these frames, by input, hold no NaN and no infinity."""
        for name, mask, finite in self.masks:
            np.isfinite(arrays[name], mask)
            if mask.tobytes() != finite:
                return False
        return True


class KnownPushes:
    """The known shapes of one stream, and of one with a single input the bindings of pushes that are one call."""

    def __init__(self, bindings: BindingCache, time: int, most: int, nothing: Frames) -> None:
        """`time`: the axis of time. One call takes at most `most` frames. `nothing`: no frame of any output."""
        self.bindings, self.most, self.nothing = bindings, most, nothing
        self._time = time
        self._shapes: dict[tuple[tuple[int, ...], ...], KnownShape | None] = {}
        self.whole: dict[tuple[int, ...], Binding] = {}
        self._made = bindings.made

    def shape_of(self, arrays: Mapping[str, Array]) -> KnownShape | None:
        """Of frames of every input, in their order; None where they do not fit, or are more than one call takes."""
        shapes = tuple([array.shape for array in arrays.values()])
        try:
            return self._shapes[shapes]
        except KeyError:
            if len(self._shapes) >= _KEPT:
                self._shapes.clear()
            found = self._shapes[shapes] = self._look(arrays)
            return found

    def binding_of(self, frames: int, arrays: Mapping[str, Array], *, alone: bool) -> Binding:
        """The binding of a call; `alone`: it takes all frames of a push of these shapes, and no others."""
        binding = self.bindings.of(frames)
        if self._made != self.bindings.made:
            # It may have taken the place of another, which is not to be kept for this alone.
            self.whole.clear()
            self._made = self.bindings.made
        if alone and len(arrays) == 1:
            self.whole[next(iter(arrays.values())).shape] = binding
        return binding

    def _look(self, arrays: Mapping[str, Array]) -> KnownShape | None:
        time, masks, counts = self._time, [], set()
        for name, view in self.bindings.once.views.items():
            shape, one = arrays[name].shape, view.shape
            if len(shape) != len(one) or (*one[:time], shape[time], *one[time + 1 :]) != shape:
                return None
            counts.add(shape[time])
            mask = np.ones(shape, bool)
            masks.append((name, mask, mask.tobytes()))
        frames = counts.pop()
        return KnownShape(frames, tuple(masks)) if not counts and 0 < frames <= self.most else None
