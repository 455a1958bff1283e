"""Frames that a user hands in, checked against the input they are for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnedge_runtime.contract import Array, Contract, Port
from rnnedge_runtime.errors import InputError

Frames = Array | dict[str, Array]
"""Frames of the only input or output, or of several by name."""


def checked_inputs(frames: Frames, contract: Contract, batch: int) -> dict[str, Array]:
    """Frames of every input by name, each `checked`; raises `InputError` where one is missing or of another length."""
    ports = contract.inputs
    if len(ports) == 1 and not isinstance(frames, Mapping):
        return {ports[0].name: checked(frames, ports[0], batch)}
    names = [port.name for port in ports]
    found = sorted(map(str, frames)) if isinstance(frames, Mapping) else type(frames).__name__
    if not isinstance(frames, Mapping) or set(frames) != set(names):
        raise InputError(f"push: expected a dict with the inputs {names}, found {found}")
    arrays = {port.name: checked(frames[port.name], port, batch) for port in ports}
    counts = {name: array.shape[0 if batch == 1 else 1] for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        raise InputError(f"push: expected equally many frames of every input, found {counts}")
    return arrays


def checked_states(states: Mapping[str, Array], contract: Contract, batch: int) -> dict[str, Array]:
    """Initial values that a caller gives, as arrays that fit; raises `InputError` for a wrong name, shape or number."""
    known = {state.input: state for state in contract.states}
    result = {}
    for name, value in states.items():
        if name not in known:
            raise InputError(f"state {name!r}: not one of {sorted(known)}")
        state, array = known[name], np.asarray(value, known[name].dtype)
        shape = tuple(d if isinstance(d, int) else batch * int(d.partition("*")[0]) if "*" in d else batch
                      for d in state.shape)  # fmt: skip
        one = tuple(size // batch if i == state.batch_axis else size for i, size in enumerate(shape))
        if array.shape not in (shape, one):
            raise InputError(f"state {name!r}: expected shape {shape} or {one}, found {array.shape}")
        if not np.isfinite(array).all():
            raise InputError(f"state {name!r}: expected finite numbers")
        result[name] = array.repeat(batch, state.batch_axis) if array.shape != shape else array
    return result


def checked(frames: Array, port: Port, batch: int) -> Array:
    """`frames` as an array: (time, ...) for batch 1, else (batch, time, ...).

    Raises `InputError` unless shape and dtype are the input's.
    """
    array = np.asarray(frames)
    time = 0 if batch == 1 else 1
    fits = array.ndim == time + 1 + len(port.frame_shape) and array.shape[time + 1 :] == port.frame_shape
    if not fits or (time and array.shape[0] != batch):
        expected = (*((batch,) if batch > 1 else ()), "time", *port.frame_shape)
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
