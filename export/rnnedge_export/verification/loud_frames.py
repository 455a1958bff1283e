"""A file in fewer bits makes numbers of whatever float32 makes numbers of, up to where float32 ends.

Integer products take away what their weights are stored around, which leaves no number if both sides are infinite. So
frames become louder up to 1e38: a value may saturate, and be less than in float32, but it is a number.
"""

from __future__ import annotations

import numpy as np

from rnnedge_export.reference import Reference
from rnnedge_export.verification.report import Check
from rnnedge_runtime.golden import stream_all
from rnnedge_runtime.model import Model

_SEED, _CALLS, _LOUDEST = 70, 12, 38.0


def check_loud_frames(narrow: Model, float32: Model, reference: Reference) -> Check:
    """Of a narrow file, and the float32 file that it was made of."""
    time = reference.lengths.at_least(_CALLS * narrow.contract.unit)
    frames = {name: array[0] for name, array in reference.frames(1, time, np.random.default_rng(_SEED)).items()}
    for name, array in frames.items():
        if array.dtype.kind == "f":
            sizes = np.logspace(0, _LOUDEST, time, dtype=np.float32).reshape(-1, *[1] * (array.ndim - 1))
            frames[name] = np.broadcast_to(sizes, array.shape).copy()
    expected, found = (stream_all(model.stream(), frames) for model in (float32, narrow))
    detail = "frames up to 1e38 make numbers, as in float32"
    for name, array in expected.items():
        # What comes after none may be none in any file.
        known = np.logical_and.accumulate(np.isfinite(array).reshape(len(array), -1).all(axis=1))
        lost = np.isnan(found[name]).reshape(len(array), -1).any(axis=1) & known
        if lost.any():
            place = f"output {name!r}, frame {int(lost.argmax())}: expected a number, found NaN"
            return Check("loud frames", detail, np.inf, 0.0, place=place)
    return Check("loud frames", detail, 0.0, 0.0)
