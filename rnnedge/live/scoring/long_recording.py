"""A recording that is too long to be held: what is written of it is counted while it streams."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from rnnedge.live.scoring.rows import recording_row
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array, Contract, Port
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.golden import named
from rnnedge_runtime.scores import Scores

# Of frames and outputs together; a file of kilobytes may promise as many as it likes.
_HELD_BYTES = 32 << 20


def most_held(contract: Contract) -> int:
    """How many frames of a recording are held, with the outputs that they give."""
    return max(1, _HELD_BYTES // max(1, int(sum(map(_bytes, (*contract.inputs, *contract.outputs))))))


def long_row(model: Model, name: str, parts: Iterable[Array], reduce: str, scores: Scores) -> dict[str, Any]:
    """The row of the recording `name`, whose frames (time, ...) come in `parts`; as `recording_row` of all at once."""
    over_time = {port.name: _OverTime(port, reduce) for port in model.contract.outputs}
    stream, frames = model.stream(), 0
    found: dict[str, Array] = {}

    def count(given: Any) -> None:
        found.update({name: scores.of(name, array) for name, array in named(model.contract, given).items()})
        for port in model.contract.outputs:
            if port.per_frame:
                over_time[port.name].add(found[port.name])

    for part in parts:
        try:
            count(stream.push(part))
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        frames += len(part)
    count(stream.finish())
    whole = {
        port.name: over_time[port.name].value() if port.per_frame else found[port.name][0]
        for port in model.contract.outputs
    }
    return recording_row(model.contract, whole, frames, "last")


class _OverTime:
    """The mean, the largest or the last of frames that come one after the other."""

    def __init__(self, port: Port, reduce: str) -> None:
        self._reduce, self._frames = reduce, 0
        self._last: Array = np.zeros((0, *map(int, port.frame_shape)), port.dtype)

    def add(self, array: Array) -> None:
        """Frames (time, ...), possibly none."""
        if not len(array):
            return
        if self._reduce == "mean":
            found = array.sum(axis=0, keepdims=True, dtype=np.float64)
            self._last = found + self._last if self._frames else found
        elif self._reduce == "max":
            found = array.max(axis=0, keepdims=True)
            self._last = np.maximum(found, self._last) if self._frames else found
        else:
            self._last = array[-1:].copy()
        self._frames += len(array)

    def value(self) -> Array:
        """(1, ...), or (0, ...) where no frame came."""
        return self._last / self._frames if self._reduce == "mean" and self._frames else self._last


def _bytes(port: Port) -> float:
    """Of an input frame."""
    if not port.per_frame:
        return 0.0
    return prod(int(d) for d in port.frame_shape) * np.dtype(port.dtype).itemsize * float(port.clock.rate)
