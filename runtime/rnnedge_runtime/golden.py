"""Replay a file's golden sample: what a device can verify without the source module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import ContractError, InputError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.model import Model
from rnnedge_runtime.stream import Stream


@dataclass(frozen=True)
class GoldenReport:
    """How far a replay of the golden sample is from the recorded outputs."""

    frames: int
    max_error: float
    tolerance: float
    provider: str

    @property
    def passed(self) -> bool:
        """Whether every value is within the tolerance (NaN is not)."""
        return self.max_error <= self.tolerance


def replay(model: Model, batch: int = 1) -> GoldenReport:
    """Stream the golden sample as a whole and frame by frame, and compare with the recorded outputs.

    `batch` copies of it run together. Raises `ContractError` where the file has no golden sample.
    """
    golden = model.contract.golden
    if golden is None:
        raise ContractError(f"{model.name}: has no golden sample to replay; verify it against its source instead")
    frames: Frames = {n: array if batch == 1 else np.stack([array] * batch) for n, array in golden.inputs.items()}
    length = len(next(iter(golden.inputs.values())))
    errors: list[float] = []
    whole: Sequence[int] = ()
    for cuts in (whole, range(1, length)):
        try:
            found = stream_all(model.stream(batch), frames, cuts)
        except InputError as error:
            raise ContractError(f"{model.name}: its golden sample does not fit its own inputs: {error}") from error
        for name, array in found.items():
            copies = [array] if batch == 1 else list(array)
            errors += [max_error(one, golden.outputs[name]) for one in copies]
    return GoldenReport(length, float(np.max(errors)), golden.tolerance, model.provider)


def stream_all(stream: Stream, frames: Frames, cuts: Sequence[int] = ()) -> dict[str, Array]:
    """Push `frames` cut at the frame numbers `cuts`, finish, and join what came out along time, by output name."""
    time = 0 if stream.batch == 1 else 1
    arrays = frames if isinstance(frames, dict) else {stream.contract.inputs[0].name: frames}
    pieces = zip(*(np.split(array, cuts, axis=time) for array in arrays.values()), strict=True)
    parts = [named(stream.contract, stream.push(dict(zip(arrays, piece, strict=True)))) for piece in pieces]
    parts.append(named(stream.contract, stream.finish()))
    return {name: np.concatenate([part[name] for part in parts], axis=time) for name in parts[0]}


def named(contract: Contract, frames: Frames) -> Mapping[str, Array]:
    """What `push` or `finish` returned as a mapping, also where there is one output only."""
    return frames if isinstance(frames, dict) else {contract.outputs[0].name: frames}


def max_error(actual: Array, expected: Array) -> float:
    """Largest absolute difference; infinite where shapes differ, NaN where either side has a NaN."""
    if actual.shape != expected.shape:
        return float("inf")
    if not actual.size:
        return 0.0
    return float(np.abs(actual.astype(np.float64) - expected.astype(np.float64)).max())
