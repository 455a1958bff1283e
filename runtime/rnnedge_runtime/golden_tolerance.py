"""What a golden sample has to be, and how far a replay may be from it, whatever tolerance the file brings.

A sample is one that the contract describes: every input and every output, nothing else, in their shapes and types. The
tolerance of the file is an upper bound only. Each value has one of its own, from what is recorded:

    |found - recorded| <= min(tolerance, max(share |recorded| + rest L, min(1e-5, L / 2)))

L is the largest recorded value of that output, `share` and `rest` follow from the precision of the file. The last term
is the exporter's tolerance at scale 1, for outputs that are small next to what they are computed from; L / 2 keeps it
from covering such an output as a whole. Integers and truth values differ by less than 1/2, so not at all.
"""

from __future__ import annotations

import numpy as np

from rnnedge_runtime.contract import Array, Contract, Golden, Port
from rnnedge_runtime.errors import ContractError

# Of the value itself, and of the largest one of its output. A rounding that turns the other way on another processor
# changes every value of a narrow file by a step or more.
_OF_FLOATS, _OF_HALVES, _OF_INTEGERS = (1e-3, 1e-4), (1e-2, 1e-2), (5e-2, 1e-1)
_SHARES = {"float16": _OF_HALVES, "bf16": _OF_HALVES, "int8": _OF_INTEGERS, "int4": _OF_INTEGERS}
_SCALE_1 = 1e-5
_INTEGERS = 0.5


def checked_sample(contract: Contract) -> Golden:
    """The golden sample of a contract; raises `ContractError` naming what is missing, too much, or of another kind."""
    golden = contract.golden
    if golden is None:
        raise ContractError("golden sample: expected one, found none; export the model again")
    for side, ports, arrays in (
        ("inputs", contract.inputs, golden.inputs),
        ("outputs", contract.outputs, golden.outputs),
    ):
        names = [port.name for port in ports]
        if set(arrays) != set(names):
            raise ContractError(f"golden.{side}: expected those of the contract, {names}, found {sorted(arrays)}")
        for port in ports:
            _check_array(arrays[port.name], port, f"golden.{side}.{port.name}")
    counts = {name: len(array) for name, array in golden.inputs.items()}
    frames = min(counts.values())
    if not frames or len(set(counts.values())) > 1:
        raise ContractError(f"golden.inputs: expected at least one frame, and equally many of each, found {counts}")
    total = contract.whole_length(frames)
    for port in contract.outputs:
        length = port.clock.valid(total) if port.per_frame else 1
        found = len(golden.outputs[port.name])
        if found != length:
            raise ContractError(
                f"golden.outputs.{port.name}: expected {length} frames for {frames} of the input, found {found}"
            )
    if not 0 <= golden.tolerance < np.inf:
        raise ContractError(f"golden.tolerance: expected a number from 0, found {golden.tolerance:g}")
    return golden


def allowed_errors(recorded: Array, tolerance: float, precision: str) -> Array:
    """How far each value of a replayed output may be from `recorded`; float64, of its shape."""
    if recorded.dtype.kind != "f":
        return np.full(recorded.shape, min(tolerance, _INTEGERS))
    share, rest = _SHARES.get(precision, _OF_FLOATS)
    sizes = np.abs(recorded.astype(np.float64))
    largest = float(sizes.max(initial=0.0))
    least = min(_SCALE_1, largest / 2) if largest else _SCALE_1
    allowed: Array = np.minimum(np.maximum(share * sizes + rest * largest, least), tolerance)
    return allowed


def errors(found: Array, recorded: Array) -> Array:
    """Absolute differences, float64, NaN where either side has a NaN; of integers that differ at least 1."""
    if recorded.dtype.kind == "f":
        difference: Array = np.abs(found.astype(np.float64) - recorded.astype(np.float64))
        return difference
    # Above 2^53 a difference of 1 is lost in float64.
    return np.where(found == recorded, 0.0, np.maximum(1.0, np.abs(found.astype(np.float64) - recorded)))


def _check_array(array: Array, port: Port, place: str) -> None:
    if array.dtype != port.dtype or array.shape[1:] != port.frame_shape or not array.ndim:
        raise ContractError(
            f"{place}: expected {port.dtype} of shape ({', '.join(map(str, ('time', *port.frame_shape)))}), "
            f"found {array.dtype} of shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ContractError(f"{place}: expected finite numbers, found a NaN or an infinity")
