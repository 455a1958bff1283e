"""A short recorded run of the source, which goes into the file: what a device can replay without the source."""

from __future__ import annotations

import numpy as np

from rnnedge_export.reference import Reference
from rnnedge_export.verification.tolerance import SHARE
from rnnedge_runtime.contract import Golden

_FRAMES, FEWEST_FRAMES, _BYTES = 16, 6, 12_000


def golden_of(reference: Reference, unit: int) -> Golden:
    """A few calls at least; `unit`: the least frames of a call.

    Of wide frames there are fewer: the sample stands in the file as text, and should not make a small one large.
    """
    few = _recorded(reference, max(FEWEST_FRAMES, 2 * unit))
    size = sum(array.nbytes for side in (few.inputs, few.outputs) for array in side.values())
    longer = max(_FRAMES, 2 * unit)
    length = len(next(iter(few.inputs.values())))
    return few if size * longer > _BYTES * length else _recorded(reference, longer)


def _recorded(reference: Reference, length: int) -> Golden:
    frames = reference.frames(1, reference.lengths.at_least(length), np.random.default_rng(0))
    outputs = {name: np.ascontiguousarray(value[0]) for name, value in reference(frames).items()}
    scale = max(1.0, *(float(np.abs(value).max(initial=0.0)) for value in outputs.values()))
    return Golden({name: value[0] for name, value in frames.items()}, outputs, SHARE * scale)
