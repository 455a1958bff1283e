"""Proof of a package: its own engine, fed call by call, gives what `Stream.push` gives.

1. At least 1,000 random frames, after a shorter sequence and a reset: within 1e-5 of the largest value of an output.
2. Frames as in life, each a sequence: silence, loud and quiet ones, every token; and values per sequence other than
   those of the example. There each channel is held to its own largest value so far: another engine has other functions,
   and orders its sums in another way, so ten times as much as between a file and its source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from rnnedge_export.codegen._pushes import joined, pushes_of
from rnnedge_export.packaging._network import Kind, Network, Proof, Runner
from rnnedge_export.reference import Reference
from rnnedge_export.verification import Effort, Tolerance, every_token, other_contexts, signals
from rnnedge_export.verification.comparison import Comparison, Worst
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import VerificationError
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.model import Model
from rnnedge_runtime.sample import sample_frames

FRAMES = 1000
TOLERANCE = 1e-5
_CHANNEL = 1e-4
# Frames of a first sequence, which the reset ends: states that stay would be seen in the second one.
_BEFORE = 20
# Calls after the last one whose outputs stand before frame 0, at least: where a call takes many frames.
_CALLS = 20
_SEED = 0
_SIGNAL_FRAMES, _SIGNAL_CALLS = 48, 16

Frames = Mapping[str, Array]
"""By input or output, (time, ...)."""


def prove(kind: Kind, network: Network, folder: Path, frames: int = FRAMES) -> Proof:
    """Push `frames` random frames, and shorter sequences of frames as in life, and compare each output.

    More of them where a window is so long that hardly anything would be compared.

    Raises `VerificationError` where the engine gives something else than the file.
    """
    engine, runner = kind.open(network, folder)
    model = load_bytes(network.data, network.name, trust="local")
    reference, contract = pushes_of(model), network.contract
    tolerance, errors = _tolerance(contract), []
    frames = max(frames, (contract.warmup + _CALLS) * contract.unit)
    for count in (_BEFORE, frames):
        given = sample(contract, -(-count // contract.unit) * contract.unit)
        expected = {name: array[0] for name, array in reference.raw(_batch(given)).items()}
        errors.append(max((_error(a, expected[n]) for n, a in _streamed(runner, given, contract).items()), default=0.0))
    allowed = _allowed(contract, expected)
    if not max(errors) <= allowed:
        raise VerificationError(
            f"{network.name} for {kind.name}: expected an error of at most {allowed:.0e} of the output's range over "
            f"{frames} frames in {engine}, found {max(errors):.1e}; keep to the file itself, and report it"
        )
    for worst in _in_life(model, reference, runner, tolerance):
        if not worst.ratio <= 1:
            raise VerificationError(
                f"{network.name} for {kind.name}: {worst.place}: expected an error of at most {worst.tolerance:.1e} in "
                f"{engine}, found {worst.error:.1e}; keep to the file itself, and report it"
            )
    return Proof(engine, frames, max(errors), allowed)


def sample(contract: Contract, frames: int) -> dict[str, Array]:
    """Random frames; numbers that name rows of a table are those of the golden sample."""
    given = sample_frames(contract, frames, _SEED)
    return dict(given) if isinstance(given, dict) else {contract.inputs[0].name: given}


def _in_life(model: Model, reference: Reference, runner: Runner, tolerance: Tolerance) -> Iterator[Worst]:
    """Case 2: the worst value of every sequence."""
    contract = model.contract
    time = (contract.warmup + -(-_SIGNAL_FRAMES // contract.unit) + _SIGNAL_CALLS) * contract.unit
    compare = Comparison(model, reference, tolerance, elsewhere=True)
    if contract.precision == "float32":
        names = Effort().signals
        every = signals(reference, names, time)
        for k, name in enumerate(names):
            yield _compared(compare, runner, {n: array[k : k + 1] for n, array in every.items()}).on(name)
    sizes = {port.name: port.range[1] + 1 for port in contract.inputs if port.range and port.range[0] == 0}
    if sizes:
        yield _compared(compare, runner, every_token(reference, sizes)).on("vocabulary")
    frames = reference.frames(1, time, np.random.default_rng(_SEED))
    for rows in other_contexts(model, reference):
        other = Comparison(model, reference.with_context(rows), tolerance, elsewhere=True)
        yield _compared(other, runner, frames, rows).on("other contexts")


def _compared(compare: Comparison, runner: Runner, frames: Frames, context: Frames | None = None) -> Worst:
    """Of frames (1, time, ...)."""
    given = {name: array[0] for name, array in frames.items()}
    found = _streamed(runner, given, compare.model.contract, context)
    return compare.of(frames, _batch(found), compare.reference.raw(frames))


def _streamed(runner: Runner, frames: Frames, contract: Contract, context: Frames | None = None) -> dict[str, Array]:
    """What the engine makes of a sequence, a call at a time."""
    unit, length = contract.unit, len(next(iter(frames.values())))
    runner.reset(context)
    calls = [{name: array[at : at + unit] for name, array in frames.items()} for at in range(0, length, unit)]
    return joined([runner.push(call) for call in calls])


def _batch(frames: Frames) -> dict[str, Array]:
    return {name: array[None] for name, array in frames.items()}


def _error(found: Array, expected: Array) -> float:
    if found.shape != expected.shape:
        return float("inf")
    if not expected.size:
        return 0.0
    mine, theirs = found.ravel().astype(np.float64), expected.ravel().astype(np.float64)
    # NaN where the file has NaN is no difference; anywhere else it is one without bounds.
    same = (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
    apart = np.where(same, 0.0, np.abs(mine - theirs))
    scale = max(float(np.abs(theirs[np.isfinite(theirs)]).max(initial=0.0)), 1e-30)
    worst = float(apart.max()) / scale
    return worst if np.isfinite(worst) else float("inf")


def _tolerance(contract: Contract) -> Tolerance:
    """Of a value in case 2: what a file with fewer bits promises of its own golden sample."""
    if contract.precision == "float32" or contract.golden is None:
        return Tolerance(_CHANNEL)
    return Tolerance(max(_CHANNEL, contract.golden.tolerance), promised=True)


def _allowed(contract: Contract, expected: Frames) -> float:
    """In case 1; of a file with fewer bits, what that promises: another engine rounds elsewhere."""
    if contract.precision == "float32" or contract.golden is None:
        return TOLERANCE
    largest = max((float(np.abs(a).max(initial=0.0)) for a in expected.values()), default=0.0)
    return max(TOLERANCE, contract.golden.tolerance / max(largest, 1e-30))
