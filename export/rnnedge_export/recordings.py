"""Recordings of the device's own input: what a precision is tried on, and a file proven on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnnedge_runtime.arguments import mapping
from rnnedge_runtime.arrays import array_of, cast
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import InputError, RnnEdgeError
from rnnedge_runtime.golden import named
from rnnedge_runtime.model import Model
from rnnedge_runtime.stream import Stream

Recording = dict[str, Array]
_PUSH = 256
# Sequences by name, which are one recording, or none.
_ONE = (str, bytes, bytearray, memoryview)


def read_recordings(given: object, contract: Contract, word: str = "calibration") -> list[Recording]:
    """`given`: an array (time, ...), a list of such or of dicts by input name, or a function of the contract to these.

    Messages call it `word`. Raises `InputError` naming the recording that does not fit the file's inputs.
    """
    if callable(given):
        try:
            given = given(contract)
        except RnnEdgeError:
            raise
        # A user's function can raise anything.
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(f"{word}: its function failed: {reason[:200]}") from error
    every = list(given) if isinstance(given, Sequence) and not isinstance(given, _ONE) else [given]
    if not every:
        raise InputError(f"{word}: expected at least one recording, found none")
    return [_recording(item, f"{word}: recording {index}", contract) for index, item in enumerate(every)]


def _recording(item: Any, place: str, contract: Contract) -> Recording:
    arrays = mapping(item, place) if isinstance(item, Mapping) else {contract.inputs[0].name: item}
    if set(arrays) != {port.name for port in contract.inputs}:
        names = ", ".join(port.name for port in contract.inputs)
        raise InputError(f"{place}: expected the inputs {names}, found {', '.join(arrays)}")
    found = {}
    for port in contract.inputs:
        array = array_of(arrays[port.name], f"{place}: input {port.name!r}")
        if array.ndim != 1 + len(port.frame_shape) or array.shape[1:] != port.frame_shape or not len(array):
            shape = ", ".join(("time", *map(str, port.frame_shape)))
            raise InputError(f"{place}: input {port.name!r}: expected ({shape}), found {array.shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(f"{place}: input {port.name!r}: expected finite numbers, found NaN or infinity")
        found[port.name] = np.ascontiguousarray(cast(array, np.dtype(port.dtype), f"{place}: input {port.name!r}"))
    return found


def chained(recordings: Sequence[Recording], frames: int) -> Recording:
    """All recordings one after the other, from the beginning again until there are `frames`."""
    return {
        name: np.resize(whole, (frames, *whole.shape[1:]))
        for name, whole in ((n, np.concatenate([r[n] for r in recordings])) for n in recordings[0])
    }


def stream_recording(stream: Stream, recording: Recording) -> dict[str, Array]:
    """Every output, (time, ...) by name, of a recording pushed in pieces that suit a file of any form."""
    contract = stream.contract
    length = len(next(iter(recording.values())))
    size = max(1, _PUSH // contract.unit) * contract.unit
    parts = [
        named(contract, stream.push({name: array[k : k + size] for name, array in recording.items()}))
        for k in range(0, length, size)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def outputs_of(model: Model, recording: Recording) -> dict[str, Array]:
    """Every output of one recording from a fresh stream, with what only its end completes."""
    stream = model.stream()
    found = stream_recording(stream, recording)
    last = named(model.contract, stream.finish())
    return {name: np.concatenate([found[name], last[name]]) for name in found}
