"""The golden sample of a file: the source's own, which the file replays, with no wider tolerance than it needs."""

from __future__ import annotations

import numpy as np

from rnnedge_export.verification.comparison import Comparison, Worst
from rnnedge_export.verification.tolerance import SHARE
from rnnedge_runtime import replay
from rnnedge_runtime.golden import max_error, stream_all
from rnnedge_runtime.model import Model

_ROUNDED = 1 + 1e-6
_HALVES = ("float16", "bf16")
# Of the largest output, of what cuts into other calls change, and for what its largest output is off from float32.
_OF_LARGEST, _OF_CUTS, _ROUGHLY = 0.02, 3.0, 1.25


def replayed(compare: Comparison, *, given: bool) -> tuple[str, Worst]:
    """What was compared, in words, and the worst value.

    `given`: the tolerance is the caller's, and the sample's own is not looked at.
    """
    model, contract = compare.model, compare.model.contract
    golden = contract.golden
    assert golden is not None
    found = replay(model)
    if not found.passed:
        return "replayed", Worst(np.inf, found.max_error, found.tolerance, value="the file does not replay it")
    allowed = _widest(model)
    if not given and golden.tolerance > allowed:
        return "its tolerance", Worst(np.inf, golden.tolerance, allowed, value="its tolerance is too wide")
    if contract.precision != "float32":
        return f"{found.frames} frames, replayed", Worst()
    frames = {name: array[None] for name, array in golden.inputs.items()}
    outputs = {name: array[None] for name, array in golden.outputs.items()}
    worst = compare.of(frames, outputs).on("golden sample")
    return f"{found.frames} frames, replayed, and equal to the source's", worst


def _widest(model: Model) -> float:
    """The widest tolerance; of integers also from what the file gives when the sample is cut into other calls."""
    golden, precision = model.contract.golden, model.contract.precision
    assert golden is not None
    largest = max(float(np.abs(array).max(initial=0.0)) for array in golden.outputs.values())
    allowed = SHARE * max(1.0, largest)
    if precision == "float32":
        return allowed * _ROUNDED
    if precision not in _HALVES:
        length = len(next(iter(golden.inputs.values())))
        single = stream_all(model.stream(), dict(golden.inputs), range(1, length))
        apart = max(max_error(golden.outputs[name], array) for name, array in single.items())
        allowed = max(allowed, _OF_LARGEST * largest, _OF_CUTS * apart)
    return _ROUGHLY * allowed
