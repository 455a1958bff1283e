"""Frames that a user hands in, checked against the input they are for."""

from __future__ import annotations

import numpy as np

from rnnedge_runtime.contract import Array, Port
from rnnedge_runtime.errors import InputError


def checked(frames: Array, port: Port, batch: int, before: int) -> Array:
    """`frames` as an array: (time, ...) for batch 1, else (batch, time, ...).

    `before` frames of the sequence came earlier, for messages. Raises `InputError` unless shape and dtype are the
    input's and every number is finite.
    """
    array = np.asarray(frames)
    expected = (*((batch,) if batch > 1 else ()), "time", *port.frame_shape)
    fits = array.ndim == len(expected) and all(
        e in ("time", found) for e, found in zip(expected, array.shape, strict=True)
    )
    if not fits:
        hint = ""
        if array.shape == port.frame_shape:
            hint = "; one frame is frames[None]"
        elif array.ndim == len(expected) + 1:
            hint = "; frames have no batch axis, use model.stream(batch=n) for several sequences"
        shown = ", ".join(str(e) for e in expected)
        raise InputError(f"input {port.name!r}: expected shape ({shown}), found {array.shape}{hint}")
    if array.dtype != port.dtype:
        raise InputError(
            f"input {port.name!r}: expected dtype {port.dtype}, found {array.dtype}; "
            f"use frames.astype(numpy.{port.dtype})"
        )
    # Native LSTM and GRU kernels turn NaN into plausible numbers, so it must not reach the graph.
    if not np.isfinite(array).all():
        raise non_finite(array, port, batch, before)
    return array


def non_finite(frames: Array, port: Port, batch: int, before: int) -> InputError:
    """The error that names the first NaN or infinity in `frames`."""
    place = np.argwhere(~np.isfinite(frames))[0]
    time = 0 if batch == 1 else 1
    sequence = f"sequence {place[0]}, " if batch > 1 else ""
    feature = ", ".join(str(i) for i in place[time + 1 :])
    where = f", feature {feature}" if feature else ""
    return InputError(
        f"input {port.name!r}: {sequence}frame {before + int(place[time])}{where}: expected a finite "
        f"number, found {frames[tuple(place)]}; nothing was run, mend the source or leave the frame out"
    )
