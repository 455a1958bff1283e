"""Fixed grids of activations cover what they round: where the graph proved a range, whatever comes.

1. Without calibration every such range is proven by the graph, so the signals of the proof lie within it, however loud.
2. With calibration the recordings that it was taken from do, and a range is not much wider than they are.
3. What is clipped so that the product of blocks stays finite is clipped at `MOST`, which nothing reaches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
import onnx_ir as ir

from rnnedge_export.graph.builder import constant
from rnnedge_export.precision.calibrate import seen_ranges
from rnnedge_export.recordings import Recording
from rnnedge_export.reference import Reference
from rnnedge_export.verification.report import Check
from rnnedge_export.verification.signals import signals
from rnnedge_runtime.contract import Array, Contract

_HALF, _LEAST_CLIP, _BYTE = 0.51, 1e29, 255
_FRAMES, _CALLS = 48, 16
# Of what was seen: with the margin of calibration, and what rounding changes.
_WIDEST = 1.5


def signals_of(reference: Reference, names: tuple[str, ...], unit: int) -> list[Recording]:
    """The recordings of case 1; `unit`: the least frames of a call."""
    if not names:
        return []
    frames = signals(reference, names, reference.lengths.at_least(max(_FRAMES, _CALLS * unit)))
    return [{name: array[k] for name, array in frames.items()} for k in range(len(names))]


def check_covered(
    float32: bytes,
    narrow: ir.Model,
    contract: Contract,
    recordings: Sequence[Recording],
    contexts: Sequence[Mapping[str, Array]] = (),
    *,
    calibrated: bool,
) -> Check:
    """Of the graph in fewer bits next to the file in float32; `recordings`: of case 1, of case 2 if `calibrated`."""
    before = ir.from_proto(onnx.load_from_string(float32))
    wrong = next(_wrong(before, narrow, contract, recordings, contexts, calibrated), None)
    count = len(_grids(narrow))
    detail = f"{count} fixed grids, no activation beyond its own"
    return Check("range of activations", detail, 0.0 if wrong is None else np.inf, 0.0, place=wrong or "")


def _wrong(
    float32: ir.Model,
    narrow: ir.Model,
    contract: Contract,
    recordings: Sequence[Recording],
    contexts: Sequence[Mapping[str, Array]],
    calibrated: bool,
) -> Iterator[str]:
    for low, high in (_clips(narrow) - _clips(float32)).elements():
        if low > -_LEAST_CLIP or high < _LEAST_CLIP:
            yield f"what is multiplied in blocks is clipped to {low:.6g} ... {high:.6g}"
    grids = _grids(narrow)
    names, seen = seen_ranges(narrow, contract, _rounded, recordings, contexts)
    for name, (lowest, highest) in zip(names, seen, strict=True):
        low, high, step = next(grid for value, grid in grids if value.name == name)
        short = -lowest < low - _HALF * step or highest > high + _HALF * step
        if short or (calibrated and max(-low - _WIDEST * max(lowest, 0.0), high - _WIDEST * max(highest, 0.0)) > step):
            yield (
                f"value {name!r}: expected {low:.6g} to {high:.6g}, the numbers of its grid, found "
                f"{-lowest:.6g} to {highest:.6g}"
            )


def _rounded(model: ir.Model) -> list[ir.Value]:
    return [value for value, _ in _grids(model)]


def _grids(model: ir.Model) -> list[tuple[ir.Value, tuple[float, float, float]]]:
    """What is rounded to a fixed grid: the lowest and the highest number of that, and its step."""
    found: dict[ir.Value, tuple[float, float, float]] = {}
    for node in model.graph.all_nodes():
        if node.op_type != "QuantizeLinear" or node.inputs[0] is None:
            continue
        scale, zero = (constant(value) if value is not None else None for value in node.inputs[1:3])
        if scale is not None and zero is not None and scale.size == 1:
            step, place = float(scale.reshape(-1)[0]), int(zero.reshape(-1)[0])
            found[node.inputs[0]] = (-place * step, (_BYTE - place) * step, step)
    return list(found.items())


def _clips(model: ir.Model) -> Counter[tuple[float, float]]:
    """How often there are which bounds."""
    found: Counter[tuple[float, float]] = Counter()
    for node in model.graph.all_nodes():
        if node.op_type == "Clip" and len(node.inputs) == 3:
            bounds = [constant(value) if value is not None else None for value in node.inputs[1:]]
            low, high = (np.inf if one is None else float(one.reshape(-1)[0]) for one in bounds)
            found[low, high] += 1
    return found
