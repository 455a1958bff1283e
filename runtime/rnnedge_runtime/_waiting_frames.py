"""Room for the frames that wait for a whole call."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnedge_runtime.contract import Array

_isfinite = np.isfinite


class WaitingFrames:
    """Two rooms, each for as many frames of every input as one least call takes, made once.

    Frames that wait are the first ones of a room. More of them are written after these, and what waits after a call
    goes to the other room. So a stream's reference to frames that wait keeps showing the same until the call after the
    next one, and one call can be undone by it. All arrays here have the axis of time first.
    """

    def __init__(self, views: Mapping[str, Array]) -> None:
        """`views`: the inputs of a least call, by name."""
        self._first, self._second = ({name: np.zeros(v.shape, v.dtype) for name, v in views.items()} for _ in range(2))
        self._name = next(iter(views))

    def more(
        self, waits: Mapping[str, Array] | None, held: int, ready: int, arrays: Mapping[str, Array]
    ) -> dict[str, Array] | None:
        """What waits, `ready` frames of every input, once `arrays` do; `held` of them wait already.

        None if not all of the new ones are finite.
        """
        room = self._first
        if waits is not None:
            base = waits[self._name].base
            if base is self._second[self._name]:
                room = self._second
            elif base is not self._first[self._name]:
                for name, array in waits.items():
                    room[name][:held] = array
        return _written(room, held, ready, arrays, 0)

    def others(
        self, waits: Mapping[str, Array] | None, taken: int, arrays: Mapping[str, Array]
    ) -> dict[str, Array] | None:
        """What waits of `arrays` after a call that takes the frames that wait and `taken` of these.

        None if not all are finite.
        """
        first = waits is None or waits[self._name].base is not self._first[self._name]
        return _written(self._first if first else self._second, 0, len(arrays[self._name]) - taken, arrays, taken)


def _written(
    room: Mapping[str, Array], held: int, ready: int, arrays: Mapping[str, Array], skip: int
) -> dict[str, Array] | None:
    """The first `ready` frames of a room, `held` of them there already, the others those of `arrays` after `skip`."""
    waits = {}
    # Copies, before they are looked at: another thread may change what is the caller's.
    for name, array in arrays.items():
        own = room[name]
        fresh = own[held:ready]
        fresh[...] = array[skip:] if skip else array
        if not all_finite(fresh):
            return None
        waits[name] = own[:ready]
    return waits


def all_finite(array: Array) -> bool:
    """Whether it holds no NaN and no infinity; its bytes are looked through ten times faster than by `all`."""
    return 0 not in _isfinite(array).tobytes()
