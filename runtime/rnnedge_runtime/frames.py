"""Frames that a user hands in, checked against the input they are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnedge_runtime.arguments import mapping, shown
from rnnedge_runtime.arrays import array_of, cast
from rnnedge_runtime.contract import Array, Contract, Port
from rnnedge_runtime.errors import InputError

# Of a sample of sound as an integer, at most.
_SAMPLE_BYTES = 4

Outputs = dict[str, Array]
"""What a model of several outputs gives: frames of each by name."""

Frames = Array | Outputs
"""Frames of the only input or output, or of several by name."""

# What `push` gives, for a type checker: an array, unless an annotation says `Outputs`. A file is not read by one.
if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Out = TypeVar("Out", bound=Frames, default=Array, covariant=True)
else:
    from typing import TypeVar

    Out = TypeVar("Out")

MOST_GAP = 1 << 24
"""Frames that a gap is filled with at most: six minutes of samples at 48 kHz."""


def checked_inputs(frames: Frames, contract: Contract, batch: int) -> dict[str, Array]:
    """Frames of every input by name, each `checked`; raises `InputError` where one is missing or of another length.

    They are copies: what a callback or another thread does to the caller's arrays meanwhile changes none of them.
    """
    ports = contract.inputs
    if len(ports) == 1 and not isinstance(frames, Mapping):
        return {ports[0].name: checked(frames, ports[0], batch).copy()}
    given = named_inputs(frames, contract)
    arrays = {port.name: checked(given[port.name], port, batch).copy() for port in ports}
    counts = {name: array.shape[0 if batch == 1 else 1] for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        raise InputError(f"push: expected equally many frames of every input, found {counts}")
    return arrays


def named_inputs(frames: object, contract: Contract) -> dict[str, Any]:
    """Frames of every input by name, whatever they are; raises `InputError` for other names."""
    names = [port.name for port in contract.inputs]
    expected = f"a dict with the inputs {names}"
    if not isinstance(frames, Mapping):
        if len(names) == 1:
            return {names[0]: frames}
        raise InputError(f"push: expected {expected}, found {shown(frames)}")
    given = mapping(frames, "push")
    if set(given) != set(names):
        raise InputError(f"push: expected {expected}, found {sorted(given)}")
    return given


def checked_states(states: object, contract: Contract, batch: int) -> dict[str, Array]:
    """Initial values that a caller gives, as arrays of their own that fit.

    Raises `InputError` for a wrong name, shape or number.
    """
    known = {state.input: state for state in contract.states}
    result = {}
    for name, value in mapping(states, "stream: states").items():
        if name not in known:
            raise InputError(f"state {name!r}: not one of {sorted(known)}")
        state, place = known[name], f"state {name!r}"
        array = array_of(value, place)
        shape = tuple(d if isinstance(d, int) else batch * int(d.partition("*")[0]) if "*" in d else batch
                      for d in state.shape)  # fmt: skip
        one = tuple(size // batch if i == state.batch_axis else size for i, size in enumerate(shape))
        if array.shape not in (shape, one):
            raise InputError(f"{place}: expected shape {shape} or {one}, found {array.shape}")
        if not np.isfinite(array).all():
            raise InputError(f"{place}: expected finite numbers")
        # A copy: what the caller does with his array later is nothing to the stream.
        own = cast(array, np.dtype(state.dtype), place)
        check_within(own, state.range, place)
        result[name] = own.repeat(batch, state.batch_axis) if own.shape != shape else own
    return result


def checked(frames: object, port: Port, batch: int) -> Array:
    """`frames` as an array: (time, ...) for batch 1, else (batch, time, ...).

    Raises `InputError` unless shape and dtype are the input's.
    """
    place = f"input {port.name!r}"
    array = array_of(frames, place)
    time = 0 if batch == 1 else 1
    fits = array.ndim == time + 1 + len(port.frame_shape) and array.shape[time + 1 :] == port.frame_shape
    if not fits or (time and array.shape[0] != batch):
        expected = (*((batch,) if batch > 1 else ()), "time", *port.frame_shape)
        hint = ""
        if array.shape == port.frame_shape:
            hint = "; one frame is frames[None]"
        elif port.frame_shape and array.ndim == len(expected) and array.shape[time:-1] == port.frame_shape:
            hint = f"; time comes before the features, use numpy.moveaxis(frames, -1, {time})"
        elif array.ndim == len(expected) + 1:
            hint = "; frames have no batch axis, use model.stream(batch=n) for several sequences"
        shown_shape = ", ".join(str(e) for e in expected)
        raise InputError(f"{place}: expected shape ({shown_shape}), found {array.shape}{hint}")
    if array.dtype != port.dtype:
        raise InputError(f"{place}: expected dtype {port.dtype}, found {array.dtype}; {_conversion(array, port)}")
    return array


def check_ranges(arrays: Mapping[str, Array], contract: Contract, batch: int, before: int) -> None:
    """Raise `InputError` naming the first number of frames, by input, that is not in the range of its input.

    `before` frames of the sequence came earlier.
    """
    for port in contract.ranged:
        if port.range is not None and not within(arrays[port.name], port.range):
            raise _out_of_range(arrays[port.name], port, port.range, batch, before)


def in_ranges(arrays: Mapping[str, Array], contract: Contract) -> bool:
    """Whether `check_ranges` raises nothing."""
    return all(port.range is None or within(arrays[port.name], port.range) for port in contract.ranged)


def check_within(array: Array, bounds: tuple[int, int] | None, place: str) -> None:
    """Raise `InputError` naming the first number of `array` that is not from the least to the largest one."""
    if bounds is not None and not within(array, bounds):
        low, high = bounds
        found = array[(array < low) | (array > high)].flat[0]
        raise InputError(f"{place}: expected numbers from {low} to {high}, found {found}")


def within(array: Array, bounds: tuple[int, int]) -> bool:
    """Whether all whole numbers of `array` are of the least to the largest one."""
    low, high = bounds
    return not array.size or bool(low <= array.min() and array.max() <= high)


def _out_of_range(array: Array, port: Port, bounds: tuple[int, int], batch: int, before: int) -> InputError:
    low, high = bounds
    index = np.argwhere((array < low) | (array > high))[0]
    return InputError(
        f"input {port.name!r}: {_place(index, batch, before)}: expected a number from {low} to {high}, found "
        f"{array[tuple(index)]}; nothing was run"
    )


def _place(index: Array, batch: int, before: int) -> str:
    """Sequence, frame and feature of a number in frames; `before` frames came earlier."""
    time = 0 if batch == 1 else 1
    sequence = f"sequence {index[0]}, " if batch > 1 else ""
    feature = ", ".join(str(i) for i in index[time + 1 :])
    return f"{sequence}frame {before + int(index[time])}" + (f", feature {feature}" if feature else "")


def _conversion(array: Array, port: Port) -> str:
    """How to make them fit: what astype does to the value of a sample is not what it does to its scale."""
    simple = f"use frames.astype(numpy.{port.dtype})"
    if array.dtype.kind == "c":
        return "take their real part or their size"
    if array.dtype.kind == "i" and array.dtype.itemsize <= _SAMPLE_BYTES and port.dtype.startswith("float"):
        half = 1 << (8 * array.dtype.itemsize - 1)
        return f"{simple}, or frames / numpy.{port.dtype}({half}) for samples of sound between -1 and 1"
    return simple


def non_finite(frames: Array, port: Port, batch: int, before: int) -> InputError:
    """The error that names the first NaN or infinity in `frames`."""
    index = np.argwhere(~np.isfinite(frames))[0]
    return InputError(
        f"input {port.name!r}: {_place(index, batch, before)}: expected a finite number, found "
        f"{frames[tuple(index)]}; nothing was run, mend the source or leave the frame out"
    )
