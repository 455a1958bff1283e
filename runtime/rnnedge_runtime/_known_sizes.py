"""The short way of a push whose size was seen before, whether or not frames wait."""

from __future__ import annotations

import numpy as np

from rnnedge_runtime._known_pushes import KnownPushes, KnownShape
from rnnedge_runtime._sequence_runner import Sequence
from rnnedge_runtime.contract import Array
from rnnedge_runtime.frames import Frames, in_ranges


class KnownSizes(Sequence):
    """A sequence whose pushes take the short way where their size was seen before; the base of a `StreamRunner`."""

    def _known_frames(self, frames: Frames) -> dict[str, Array] | None:
        """Frames by input, in the order of the inputs, where they are arrays of their dtypes; else None."""
        views = self._once.views
        if type(frames) is dict:
            if frames.keys() != views.keys():
                return None
            arrays = {name: frames[name] for name in views}
        elif len(views) == 1 and type(frames) is np.ndarray:
            arrays = {next(iter(views)): frames}
        else:
            return None
        for name, array in arrays.items():
            # A class can be pretended, a type cannot.
            if type(array) is not np.ndarray or array.dtype != views[name].dtype:
                return None
        return arrays

    def _known_shape(self, arrays: dict[str, Array]) -> KnownShape | None:
        """None where the frames do not fit, or are more than one call takes."""
        known = self._known
        if known is None or known.bindings is not self._bindings:
            most = self._unit if self.contract.chunk else self._piece
            # More than one push may bring is refused.
            most = most if self._most is None else min(most, self._most)
            known = self._known = KnownPushes(self._bindings, self._time, most, self.shaped(self._nothing()))
            self._whole = known.whole
        return known.shape_of(arrays)

    def _push_known(self, shape: KnownShape, arrays: dict[str, Array], turn: int, runs: int) -> Frames | None:
        """Push frames of a known shape by one call or none; None, with nothing changed, where it takes the long way."""
        known, rest, count = self._known, self._rest, shape.frames
        assert known is not None
        held, whole = self._held, self._ready_frames(count)
        taken = whole - held if whole else 0
        if whole > known.most:
            return None
        binding = known.binding_of(whole, arrays, alone=whole == count) if whole else None
        if binding is None or taken < count or not binding.checks:
            # Copies, before they are looked at: another thread may change what is the caller's.
            arrays = {name: array.copy() for name, array in arrays.items()}
            if not shape.all_finite(arrays) or (self.contract.ranged and not in_ranges(arrays, self.contract)):
                return None
        waits = None
        if taken < count:
            after = self._at(slice(taken, None))
            waits = {name: array[after] for name, array in arrays.items()}
        if binding is None:
            if rest is not None and waits is not None:
                waits = {name: np.concatenate([rest[name], one], axis=self._time) for name, one in waits.items()}
            found = dict(known.nothing) if isinstance(known.nothing, dict) else known.nothing
        else:
            before, now, first = self._at(slice(held)), self._at(slice(held, None)), self._at(slice(taken))
            for name, view in binding.views.items():
                if rest is not None:
                    view[before] = rest[name]
                view[now] = arrays[name][first]
            if binding.cursors:
                binding.place(self._frames - held, None)
            if binding.calls[turn]():
                return None
            found = self._all(binding) if binding.copy is None else binding.copy()
            self._turn = turn ^ 1
            self._binding = binding
            runs += 1
        if self._remember is not None:
            self._remember(arrays)
        self._rest = waits
        self._frames += count
        self._settled, self._settled_runs = self._frames, runs
        self._choose()
        return found

    def _ready_frames(self, count: int) -> int:
        """How many frames can run when `count` more come."""
        return (self._held + count) // self._unit * self._unit
