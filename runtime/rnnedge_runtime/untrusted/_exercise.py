"""Calls of the lengths that a stream makes, over zeros, random and extreme numbers, for one sequence and for two.

It looks for what ends the process, and for nothing else: an error of a call is an answer. What it proves is that these
calls came back; a kernel may still fail over a value or after a frame that was not among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

import numpy as np

from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime.contract import Array, Contract, Port
from rnnedge_runtime.errors import RnnEdgeError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.sample import sample_frames
from rnnedge_runtime.stream import open_stream

# In calls of the least length: that one, what a bulk call leaves, and what a longer sequence of small ones comes to.
_CALLS = (1, 2, 3, 1, 17, 64)
_FILLS = ("random", "zeros", "largest", "smallest")


def exercise(model: LoadedModel, seconds: float) -> None:
    """Push and finish; what would end after `seconds`, as far as the calls before tell, is left out."""
    end, per_frame = perf_counter() + seconds, 0.0
    for batch, fill, lengths in _plans(model.contract):
        stream = open_stream(model, batch)
        for frames in lengths:
            start = perf_counter()
            if start + per_frame * frames * batch > end:
                continue
            try:
                stream.push(_filled(model.contract, frames, batch, fill))
            except (RnnEdgeError, MemoryError):
                break
            per_frame = (perf_counter() - start) / (frames * batch)
        if perf_counter() > end:
            return
        try:
            stream.finish()
        except (RnnEdgeError, MemoryError):
            continue


def _plans(contract: Contract) -> Iterator[tuple[int, str, tuple[int, ...]]]:
    """Batch, fill, and the lengths of the pushes in frames; the longest come last."""
    unit, piece = contract.unit, contract.piece
    sizes = (1, 2) if contract.batch is None else (contract.batch,)
    # A frame that is no whole call waits, and so does what is left behind a bulk call.
    for lengths in ((*(count * unit for count in _CALLS), 1), (1, unit, piece, piece + unit + 1)):
        yield from ((batch, fill, lengths) for fill in _FILLS for batch in sizes)


def _filled(contract: Contract, frames: int, batch: int, fill: str) -> Frames:
    one = sample_frames(contract, frames)
    named = one if isinstance(one, dict) else {contract.inputs[0].name: one}
    arrays = {port.name: _with(named[port.name], port, fill) for port in contract.inputs}
    return {name: array if batch == 1 else np.stack([array] * batch) for name, array in arrays.items()}


def _with(array: Array, port: Port, fill: str) -> Array:
    if fill == "random":
        return array
    if fill == "zeros" or port.dtype == "bool":
        return np.full_like(array, fill == "largest")
    about = np.finfo(port.dtype) if array.dtype.kind == "f" else np.iinfo(port.dtype)
    return np.full_like(array, about.max if fill == "largest" else about.min)
