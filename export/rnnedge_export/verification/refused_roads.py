"""The road of frames that do not fit: each is refused, and the stream goes on as if it had never come."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from rnnedge_export.verification.road_parts import Sequence, calls, length, of_one, push, refused, rest
from rnnedge_runtime.contract import Array
from rnnedge_runtime.model import Model

_OTHER_DTYPES = {"float32": "float64", "int64": "int32", "int32": "int64"}
_KNOWN = 2


def wrong_frames(model: Model, one: Sequence) -> dict[str, Array]:
    """Between pushes of a size that was seen: another width, another type, more frames of one input."""
    stream, unit = model.stream(), model.contract.unit
    parts = []
    for at in calls(model, one):
        # One at a time, each after a push of the short way.
        call = {name: array[at : at + unit] for name, array in one.items()}
        wrong = [*_wrong(call), *_beyond(model, call)]
        for what, frames in wrong[at // unit - _KNOWN :][:1] if at >= _KNOWN * unit else ():
            refused(partial(stream.push, of_one(frames)), f"frames were taken: {what}")
        parts.append(push(stream, one, at, at + unit))
    return rest(stream, one, parts, length(one) // unit * unit)


def _beyond(model: Model, frames: Sequence) -> Iterator[tuple[str, Sequence]]:
    """The numbers next to those that an input takes, first and last of all."""
    for port in model.contract.inputs:
        for k, number in enumerate((port.range[0] - 1, port.range[1] + 1) if port.range else ()):
            for place in (0, -1) if k else (0,):
                array = frames[port.name].copy()
                array.reshape(-1)[place] = number
                yield f"input {port.name!r} is {number}", {**frames, port.name: array}


def _wrong(frames: Sequence) -> Iterator[tuple[str, Sequence]]:
    for name, array in frames.items():
        wide = np.repeat(array, 2, axis=-1) if array.ndim > 1 else np.stack([array, array], -1)
        other = array.astype(_OTHER_DTYPES.get(str(array.dtype), "float32"))
        yield f"input {name!r} is twice as wide", {**frames, name: wide}
        yield f"input {name!r} is of another type", {**frames, name: other}
        if len(frames) > 1:
            yield f"input {name!r} has twice as many frames", {**frames, name: np.concatenate([array, array])}
