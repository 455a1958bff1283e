"""Whether fewer bits are worth it on this machine: a narrow call against a float32 one, in turns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnnedge_runtime.measure import side_by_side
from rnnedge_runtime.model import Model
from rnnedge_runtime.sample import sample_frames

_ROUNDS, _CALLS = 10, 40


def speed_of(float32: Model, narrow: Model) -> float:
    """Median time of a push of the least length in float32 over that of the narrow file."""
    times = side_by_side({"float32": _push(float32), "narrow": _push(narrow)}, _ROUNDS, _CALLS)
    return float(np.median(times["float32"]) / np.median(times["narrow"]))


def _push(model: Model) -> Callable[[], object]:
    stream, frames = model.stream(), sample_frames(model.contract, model.contract.unit)
    return lambda: stream.push(frames)
