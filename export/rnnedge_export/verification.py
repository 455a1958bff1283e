"""Prove that a file computes what its source computes, in the runtime that a device uses.

1. Parity: whole sequences of 1, 2, 7 and 131 frames, in batches of 1 and 3.
2. Chunking: random cuts of a sequence, empty pushes among them, give what the whole gives.
3. Drift: 10,000 chained frames; the error is bounded at the end as it is at the beginning. 2,048 where the source lets
   every frame attend to every other, which takes memory with the square of the length.
4. A NaN is refused by name and leaves the stream as it was.

The tolerance is `TOLERANCE` for outputs of magnitude up to 1, and grows with the largest output beyond that: float32
carries about seven decimal digits. A file in fewer bits says its own tolerance.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from rnnedge_export.arguments import checked_axis, checked_progress, checked_time_axis
from rnnedge_export.capture import Source, capture, open_offline, read_example
from rnnedge_export.capture.onnx_file import TimeAxis
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.probes import with_taps
from rnnedge_export.reference import Reference, evaluation
from rnnedge_runtime.arguments import file_path, shown
from rnnedge_runtime.contract import Array, Contract, Golden
from rnnedge_runtime.errors import InputError, ModelRefused, VerificationError
from rnnedge_runtime.golden import max_error, stream_all
from rnnedge_runtime.model import Model, load

TOLERANCE = 1e-5
LENGTHS = (1, 2, 7, 131)
BATCHES = (1, 3)
CHAINED_FRAMES = 10_000
CHAINED_FRAMES_OF_ATTENTION = 2048
_GOLDEN_FRAMES, _FEWEST_GOLDEN_FRAMES, _GOLDEN_BYTES = 16, 6, 12_000
_SEED = 20


@dataclass(frozen=True)
class Check:
    """One comparison: the largest error found beside the largest allowed."""

    name: str
    detail: str
    max_error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the error is a number within the tolerance."""
        return self.max_error <= self.tolerance


@dataclass(frozen=True)
class Verification:
    """Every check of a file against its source."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def max_error(self) -> float:
        """The largest error of all checks; NaN where one of them found NaN."""
        return float(np.max([check.max_error for check in self.checks]))


def verify(
    path: str | os.PathLike[str],
    source: nn.Module | str | os.PathLike[str],
    *,
    example: object = None,
    batch_axis: int | None = None,
    time_axis: str | int = 1,
    progress: Callable[[str], None] | None = None,
    trust: str | None = None,
    key: str | os.PathLike[str] | None = None,
    signed_as: str | None = None,
    release: int = 0,
) -> Verification:
    """Check the file at `path` against `source`: the module, or the ONNX file for whole sequences, that it came from.

    `example` and the axes are those of `export` or `convert`; without an example the file's golden input serves.
    `trust`, `key`, `signed_as` and `release` are those of `load`.
    Returns every check, passed or not. Raises `ModelRefused` where the file cannot be loaded, or the source does not
    take the file's input.
    """
    progress = checked_progress(progress)
    if not isinstance(source, (nn.Module, str, os.PathLike)):
        raise ModelRefused(f"verify: source: expected a torch.nn.Module or the path of a file, found {shown(source)}")
    model = load(path, trust=trust, key=key, signed_as=signed_as, release=release)
    lengths = Lengths(model.contract.least, model.contract.grain)
    if not isinstance(source, nn.Module):
        offline = open_offline(file_path(source, "verify: source"), time_axis, batch_axis, trust)
        tapped = with_taps(offline, model.contract, offline.capture)
        reference = Reference(tapped, offline.example(), lengths, model.contract.unit, _recordings(model.contract))
        return _against(model, reference, progress)
    axes = checked_axis(0 if batch_axis is None else batch_axis, "batch_axis"), _axis_of(time_axis)
    given = read_example(_golden_example(model, *axes) if example is None else example, *axes)
    with evaluation(source):
        module = Source(source, given)
        tapped = with_taps(module, model.contract, partial(capture, module, given))
        reference = Reference(tapped, given, lengths, model.contract.unit, _recordings(model.contract))
        return _against(model, reference, progress)


def _axis_of(time_axis: str | int) -> int:
    return TimeAxis.parse(checked_time_axis(time_axis)).axis


def _recordings(contract: Contract) -> list[Mapping[str, Array]]:
    """A file whose activations were fitted to recordings is asked about such frames, of which it holds a few."""
    fitted = contract.provenance.get("activations", "").startswith("static")
    return [contract.golden.inputs] if fitted and contract.golden is not None else []


def _against(model: Model, reference: Reference, progress: Callable[[str], None] | None) -> Verification:
    _check_ports(model, reference)
    return check_against(model, reference, progress)


def check_against(model: Model, reference: Reference, progress: Callable[[str], None] | None = None) -> Verification:
    """Run every check of a loaded model against the oracle."""
    say = progress or (lambda _: None)
    say("parity")
    checks = [_parity(model, reference)]
    say("chunking")
    checks.append(_chunking(model, reference))
    say("drift")
    checks.append(_drift(model, reference))
    poisoned = next((port.name for port in model.contract.inputs if port.dtype.startswith("float")), None)
    if poisoned is not None:
        checks.append(_non_finite(model, reference, poisoned))
    return Verification(tuple(checks))


def golden_of(reference: Reference, unit: int) -> Golden:
    """A short recorded run of the oracle, of a few calls at least, which goes into the file.

    Of wide frames there are fewer: the sample stands in the file as text, and should not make a small one large.
    """
    few = _recorded(reference, max(_FEWEST_GOLDEN_FRAMES, 2 * unit))
    size = sum(array.nbytes for side in (few.inputs, few.outputs) for array in side.values())
    longer = max(_GOLDEN_FRAMES, 2 * unit)
    length = len(next(iter(few.inputs.values())))
    return few if size * longer > _GOLDEN_BYTES * length else _recorded(reference, longer)


def _recorded(reference: Reference, length: int) -> Golden:
    frames = reference.frames(1, reference.lengths.at_least(length), np.random.default_rng(0))
    outputs = {name: np.ascontiguousarray(value[0]) for name, value in reference(frames).items()}
    scale = max(1.0, *(float(np.abs(value).max(initial=0.0)) for value in outputs.values()))
    return Golden({name: value[0] for name, value in frames.items()}, outputs, TOLERANCE * scale)


def _golden_example(model: Model, batch_axis: int, time_axis: int) -> tuple[torch.Tensor, ...]:
    golden = model.contract.golden
    if golden is None:
        raise ModelRefused(f"{model.name}: has no golden sample; give an example input to verify with")
    frames = [golden.inputs[port.name][None] for port in model.contract.inputs]
    return tuple(torch.from_numpy(np.moveaxis(f, (0, 1), (batch_axis, time_axis)).copy()) for f in frames)


def _check_ports(model: Model, reference: Reference) -> None:
    promised = [port.name for port in model.contract.outputs]
    if promised != list(reference.names):
        raise ModelRefused(
            f"{model.name}: its outputs are {promised}, the source's are {list(reference.names)}; "
            "verify it against what it was exported from"
        )


def require(verification: Verification, name: str, remedy: str = "please report the network") -> None:
    """Raise `VerificationError` naming the first check that failed."""
    for check in verification.checks:
        if not check.passed:
            raise VerificationError(
                f"{name}: verification failed: {check.name} ({check.detail}): error {check.max_error:.3g}, "
                f"tolerance {check.tolerance:.3g}; nothing was written, {remedy}"
            )


def _parity(model: Model, reference: Reference) -> Check:
    rng = np.random.default_rng(_SEED)
    lengths, batches = _lengths(model), _batches(model)
    pairs = [reference.frames(batch, length, rng) for batch in batches for length in lengths]
    results = [_compare(model, reference(frames), frames) for frames in pairs]
    detail = f"lengths {', '.join(map(str, lengths))}; batches {', '.join(map(str, batches))}"
    return _worst("parity", detail, results)


def _chunking(model: Model, reference: Reference) -> Check:
    rng = np.random.default_rng(_SEED + 1)
    results = []
    for batch in _batches(model):
        frames = reference.frames(batch, _lengths(model)[-1], rng)
        expected = reference(frames)
        for pieces in (3, 17, 64):
            cuts = sorted(int(c) for c in rng.integers(0, _lengths(model)[-1] + 1, pieces))
            results.append(_compare(model, expected, frames, cuts))
    return _worst("any chunking", "random cuttings into up to 65 pieces, equal to the whole", results)


def _drift(model: Model, reference: Reference) -> Check:
    rng = np.random.default_rng(_SEED + 2)
    chained = int(model.contract.provenance.get("chained_frames", CHAINED_FRAMES))
    total = reference.lengths.at_least(chained)
    frames = reference.frames(1, total, rng)
    cuts = np.cumsum(rng.integers(1, 64, chained // 32) * model.contract.unit)
    error, tolerance = _compare(model, reference(frames), frames, [int(c) for c in cuts if c < total])
    return Check("drift", f"{total:,} chained frames", error, tolerance)


def _non_finite(model: Model, reference: Reference, name: str) -> Check:
    frames = reference.frames(1, reference.lengths.at_least(5), np.random.default_rng(_SEED + 3))
    one = {name: value[0] for name, value in frames.items()}
    poisoned = one[name].copy()
    poisoned.reshape(len(poisoned), -1)[2, 0] = np.nan
    stream = model.stream()
    refused = 0.0
    try:
        stream.push(one | {name: poisoned})
        refused = np.inf
    except InputError:
        pass
    expected = reference(frames)
    found = stream_all(stream, one)
    error = float(np.max([refused, *(max_error(found[name], expected[name][0]) for name in found)]))
    return Check("non-finite input", "a NaN is refused, the state untouched", error, _tolerance(model, expected))


def _batches(model: Model) -> tuple[int, ...]:
    """Those that the file takes."""
    return BATCHES if model.contract.batch is None else (model.contract.batch,)


def _lengths(model: Model) -> list[int]:
    """Short, odd and long sequences, those among them that the source module takes."""
    contract = model.contract
    lengths = Lengths(contract.least, contract.grain)
    scale = max(contract.unit, 1 + contract.lookahead)
    wanted = [*LENGTHS, *(length * scale + extra for length, extra in ((1, 0), (2, 1), (7, 0), (131, 0)))]
    return sorted({lengths.at_least(length) for length in wanted})


def _compare(
    model: Model, expected: dict[str, Array], frames: dict[str, Array], cuts: Sequence[int] = ()
) -> tuple[float, float]:
    """(error, tolerance) of streaming `frames` (batch, time, ...), by input, cut at `cuts`."""
    batch = len(next(iter(frames.values())))
    found = stream_all(model.stream(batch), frames if batch > 1 else {n: f[0] for n, f in frames.items()}, cuts)
    errors = [max_error(found[name] if batch > 1 else found[name][None], expected[name]) for name in expected]
    return float(np.max(errors)), _tolerance(model, expected)


def tolerance_of(contract: Contract) -> float:
    """What a file promises for outputs of magnitude 1."""
    return float(contract.provenance.get("tolerance", TOLERANCE))


def _tolerance(model: Model, expected: dict[str, Array]) -> float:
    return tolerance_of(model.contract) * max(
        1.0, *(float(np.abs(array).max(initial=0.0)) for array in expected.values())
    )


def _worst(name: str, detail: str, results: list[tuple[float, float]]) -> Check:
    """The result that stands worst against its own tolerance; a NaN stands worse than any number."""
    ratios = [np.inf if np.isnan(error) else error / tolerance for error, tolerance in results]
    error, tolerance = results[int(np.argmax(ratios))]
    return Check(name, detail, error, tolerance)
