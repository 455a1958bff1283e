"""What a streamed file is worth on a task: a score for each item of the data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnnedge.training import SequenceData
from rnnedge_runtime.contract import Array
from rnnedge_runtime.golden import stream_all
from rnnedge_runtime.model import Model


def accuracy(data: SequenceData) -> Callable[[Model], Array]:
    """1 for each sequence whose last output frame decides right, 0 for the others; each is streamed from a reset."""

    def score(model: Model) -> Array:
        stream = model.stream()
        right = []
        for frames, target in zip(data.frames, data.targets, strict=True):
            stream.reset()
            decided = next(iter(stream_all(stream, frames).values()))[-1].argmax()
            right.append(float(decided == target))
        return np.array(right)

    return score
