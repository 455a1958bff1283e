"""The user's own recordings: what a file is proven on besides signals of ours, and what its contract says of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from rnnedge_export.effort import Effort
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.recordings import Recording
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import InputError

_LETTERS = 16


def sequences(samples: Sequence[Recording], lengths: Lengths, most: int) -> Iterator[tuple[str, Recording]]:
    """(name, frames) of sequences of at most `most` frames and of lengths that the source takes.

    A longer recording is several of them, each of which begins with a reset. Raises `InputError` for one that is
    shorter than the source's least.
    """
    for index, sample in enumerate(samples):
        total, start = _length(sample), 0
        if total < lengths.least:
            raise InputError(f"sample: recording {index}: expected at least {lengths.least} frames, found {total}")
        while total - start >= lengths.least:
            time = _longest(lengths, min(total - start, max(most, lengths.least)))
            part = {name: array[start : start + time] for name, array in sample.items()}
            yield f"recording {index} from frame {start:,} on", part
            start += time


def frames_in_words(contract: Contract, *, recorded: bool, numbers: str = "N(0, 1)") -> str:
    """What the usual frames of a proof are: cut from recordings, or random `numbers`."""
    floats = all(port.dtype.startswith("float") for port in contract.inputs)
    return "recordings" if recorded else numbers if floats else "tokens of the example"


def proven_on(effort: Effort, precision: str, usual: str, samples: Sequence[Recording]) -> str:
    """For the contract: the frames that a file was proven on, and a digest of the recordings."""
    signals = effort.signals if precision == "float32" else ()
    parts = [f"{effort.frames:,} frames of {usual}", *signals]
    if samples:
        frames = sum(_length(sample) for sample in samples)
        parts.append(f"{len(samples)} recordings of {frames:,} frames, sha256 {_digest(samples)}")
    return "; ".join(parts)


def _longest(lengths: Lengths, most: int) -> int:
    """The longest sequence of at most that many frames."""
    return lengths.least + (most - lengths.least) // lengths.grain * lengths.grain


def _length(sample: Recording) -> int:
    return len(next(iter(sample.values())))


def _digest(samples: Sequence[Recording]) -> str:
    found = hashlib.sha256()
    for sample in samples:
        for name, array in sample.items():
            found.update(f"{name} {array.dtype} {array.shape}".encode())
            found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:_LETTERS]
