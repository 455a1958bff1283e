"""Proof of a package: its own engine, fed frame by frame, gives what `Stream.push` gives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rnnedge_export.packaging._network import Kind, Network, Proof
from rnnedge_runtime.contract import Array, Contract, State
from rnnedge_runtime.errors import VerificationError
from rnnedge_runtime.golden import named
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.sample import sample_frames
from rnnedge_runtime.state_buffers import shape_of
from rnnedge_runtime.stream import Stream

FRAMES = 1000
TOLERANCE = 1e-5
# Frames of a first sequence, which the reset ends: states that stay would be seen in the second one.
_BEFORE = 20
# Calls after the last one whose outputs stand before frame 0, at least: where a call takes many frames.
_CALLS = 20
_SEED = 0


def prove(kind: Kind, network: Network, folder: Path, frames: int = FRAMES) -> Proof:
    """Push `frames` random frames, after a shorter sequence and a reset, and compare each output.

    More of them where a window is so long that hardly anything would be compared.

    Raises `VerificationError` where the engine gives something else than the file.
    """
    engine, runner = kind.open(network, folder)
    stream = load_bytes(network.data, network.name, trust="local").stream()
    expected, found = [], []
    unit = network.contract.unit
    frames = max(frames, (network.contract.warmup + _CALLS) * unit)
    for length in (_BEFORE, frames):
        calls = sample(network.contract, -(-length // unit))
        stream.reset()
        runner.reset()
        expected.append(_joined([pushed(stream, call) for call in calls], network.contract))
        found.append(_joined([runner.push(call) for call in calls], network.contract))
    error = max(_error(f[name], e[name]) for e, f in zip(expected, found, strict=True) for name in e)
    allowed = _tolerance(network.contract, expected[-1])
    if not error <= allowed:
        raise VerificationError(
            f"{network.name} for {kind.name}: expected an error of at most {allowed:.0e} of the output's range over "
            f"{frames} frames in {engine}, found {error:.1e}; keep to the file itself, and report it"
        )
    return Proof(engine, frames, error, allowed)


def pushed(stream: Stream, call: Mapping[str, Array]) -> dict[str, Array]:
    """As `Runner.push`, by the stream of a file."""
    contract = stream.contract
    frames = dict(named(contract, stream.push(dict(call) if len(call) > 1 else next(iter(call.values())))))
    ports = contract.outputs
    return {port.name: frames[port.name] if port.per_frame else stream.outputs[port.name] for port in ports}


def sample(contract: Contract, calls: int) -> list[dict[str, Array]]:
    """Random frames for each call; numbers that name rows of a table are those of the golden sample."""
    unit = contract.unit
    given = sample_frames(contract, calls * unit, _SEED)
    frames = given if isinstance(given, dict) else {contract.inputs[0].name: given}
    return [{name: array[unit * k : unit * (k + 1)] for name, array in frames.items()} for k in range(calls)]


def contexts(contract: Contract) -> dict[str, Array]:
    """Values per sequence for a proof, those of the example, with a batch axis of 1 in front."""
    return {state.input: _row(state)[None] for state in contract.contexts}


def _row(state: State) -> Array:
    whole = np.broadcast_to(np.asarray(state.initial, state.dtype), shape_of(state.shape, 1, 1))
    return np.ascontiguousarray(whole.squeeze(state.batch_axis))


def _joined(parts: list[Mapping[str, Array]], contract: Contract) -> dict[str, Array]:
    found = {}
    for port in contract.outputs:
        pieces = [part[port.name] for part in parts]
        found[port.name] = np.concatenate(pieces) if port.per_frame else np.array(pieces[-1])
    return found


def _error(found: Array, expected: Array) -> float:
    if found.size != expected.size:
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


def _tolerance(contract: Contract, expected: Mapping[str, Array]) -> float:
    """Of a file with fewer bits, what that promises of its own golden sample: another engine rounds elsewhere."""
    if contract.precision == "float32" or contract.golden is None:
        return TOLERANCE
    largest = max((float(np.abs(a).max(initial=0.0)) for a in expected.values()), default=0.0)
    return max(TOLERANCE, contract.golden.tolerance / max(largest, 1e-30))
