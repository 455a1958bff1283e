"""What a streamed file is worth on a task: a score for each item of the data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnnedge.training import SequenceData
from rnnedge_runtime.contract import Array
from rnnedge_runtime.golden import stream_all
from rnnedge_runtime.model import Model


def decisions(data: SequenceData) -> Callable[[Model], Array]:
    """The class that the last output frame of each sequence decides for (sequence,); each is streamed from a reset."""

    def decided(model: Model) -> Array:
        stream = model.stream()
        found = []
        for frames in data.frames:
            stream.reset()
            found.append(next(iter(stream_all(stream, frames).values()))[-1].argmax())
        return np.array(found)

    return decided


def accuracy(data: SequenceData) -> Callable[[Model], Array]:
    """1 for each sequence that is decided right, 0 for the others."""
    return lambda model: (decisions(data)(model) == np.array(data.targets)).astype(np.float64)
