"""Replay a file's golden sample: what a device can verify without the source module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import ContractError, InputError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.golden_tolerance import allowed_errors, checked_sample, errors
from rnnedge_runtime.stream import Stream, open_stream


@dataclass(frozen=True)
class GoldenReport:
    """How far a replay of the golden sample is from the recorded outputs.

    `max_error` and `tolerance` are those of the value whose error is the largest part, or multiple, of its tolerance. A
    tolerance is a small part of what is recorded, whatever the file says (`golden_bounds`). `values`: how many numbers
    were compared.
    """

    frames: int
    max_error: float
    tolerance: float
    provider: str
    values: int

    @property
    def passed(self) -> bool:
        """Whether every value is within its tolerance (NaN is not), and there was one."""
        return self.values > 0 and self.max_error <= self.tolerance

    @property
    def failure(self) -> str:
        """What is wrong, for a message."""
        if not self.values:
            return "expected outputs to compare, found none; the sample proves nothing, so export the model again"
        return (
            f"expected an error of at most {self.tolerance:.1e}, found {self.max_error:.1e}; "
            f"the file or this {'library' if self.provider == 'native' else 'onnxruntime'} computes something else"
        )


def replay_golden(loaded: LoadedModel, batch: int | None = None) -> GoldenReport:
    """As `replay`, for what a model and its streams share."""
    contract = loaded.contract
    if contract.golden is None:
        raise ContractError(f"{loaded.name}: has no golden sample to replay; verify it against its source instead")
    try:
        golden = checked_sample(contract)
    except ContractError as error:
        raise ContractError(f"{loaded.name}: {error}") from None
    size = batch or contract.batch or 1
    frames: Frames = {n: array if size == 1 else np.stack([array] * size) for n, array in golden.inputs.items()}
    length = len(next(iter(golden.inputs.values())))
    allowed = {n: allowed_errors(a, golden.tolerance, contract.precision) for n, a in golden.outputs.items()}
    worst = (0.0, 0.0, golden.tolerance)
    whole: Sequence[int] = ()
    for cuts in (whole, range(1, length)):
        try:
            found = stream_all(open_stream(loaded, size), frames, cuts)
        except InputError as error:
            raise ContractError(f"{loaded.name}: its golden sample does not fit its own inputs: {error}") from error
        for name, array in found.items():
            for one in [array] if size == 1 else list(array):
                worst = max(worst, _worst(one, golden.outputs[name], allowed[name]))
    values = sum(array.size for array in golden.outputs.values())
    return GoldenReport(length, *worst[1:], loaded.engine.provider, values)


def _worst(found: Array, recorded: Array, allowed: Array) -> tuple[float, float, float]:
    """Of the value that is the furthest off: its error in tolerances, its error, its tolerance."""
    if found.shape != recorded.shape or found.dtype != recorded.dtype:
        return float("inf"), float("inf"), float(allowed.max(initial=0.0))
    if not found.size:
        return 0.0, 0.0, 0.0
    error, most = errors(found, recorded).ravel(), allowed.ravel()
    part = np.divide(error, most, out=np.where(error == 0, 0.0, np.inf), where=most > 0)
    index = int(np.where(np.isnan(part), np.inf, part).argmax())
    return float("inf") if np.isnan(error[index]) else float(part[index]), float(error[index]), float(most[index])


def stream_all(stream: Stream, frames: Frames, cuts: Sequence[int] = ()) -> dict[str, Array]:
    """Push `frames` cut at the frame numbers `cuts`, finish, and join what came out along time, by output name."""
    time = 0 if stream.batch == 1 else 1
    arrays = frames if isinstance(frames, dict) else {stream.contract.inputs[0].name: frames}
    pieces = zip(*(np.split(array, cuts, axis=time) for array in arrays.values()), strict=True)
    parts = [named(stream.contract, stream.push(dict(zip(arrays, piece, strict=True)))) for piece in pieces]
    parts.append(named(stream.contract, stream.finish()))
    return {name: np.concatenate([part[name] for part in parts], axis=time) for name in parts[0]}


def named(contract: Contract, frames: Frames) -> Mapping[str, Array]:
    """What `push` or `finish` returned as a mapping, even if there is one output only."""
    return frames if isinstance(frames, dict) else {contract.outputs[0].name: frames}


def max_error(actual: Array, expected: Array) -> float:
    """Largest absolute difference; infinite where shapes differ, NaN where either side has a NaN."""
    if actual.shape != expected.shape:
        return float("inf")
    if not actual.size:
        return 0.0
    return float(np.abs(actual.astype(np.float64) - expected.astype(np.float64)).max())
