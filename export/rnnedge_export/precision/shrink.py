"""A float32 graph -> the same one in fewer bits, and how far that drifts from the proven float32 file."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir

from rnnedge_export.options import REMEDY, Precision, narrowest
from rnnedge_export.precision.apply import Change, Plan, narrow
from rnnedge_export.precision.bounds import Range
from rnnedge_export.precision.budget import search
from rnnedge_export.precision.calibrate import observe
from rnnedge_export.precision.drift import FRAMES, Drift, drift
from rnnedge_export.precision.layers import weights_of
from rnnedge_export.precision.speed import speed_of
from rnnedge_export.precision.storage import HALVES
from rnnedge_export.recordings import Recording, chained, outputs_of
from rnnedge_export.stamp import stamp
from rnnedge_runtime.contract import Array, Contract, Golden
from rnnedge_runtime.errors import VerificationError
from rnnedge_runtime.golden import max_error, stream_all
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.model import Model

_GOLDEN_SHARE = 0.02
_LONGER = 4
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Narrowed:
    """A narrow file in memory, not yet measured against float32.

    Its graph, its bytes, the same loaded, and what became of layers. `weights`: in float32, each with its layer.
    """

    graph: ir.Model
    data: bytes
    model: Model
    changes: tuple[Change, ...]
    weights: tuple[tuple[str, Array], ...]


@dataclass(frozen=True, eq=False)
class Shrunk:
    """A narrow file that passed the gate. `speed`: time of a call in float32 over its own; above 1 it is faster."""

    contract: Contract
    changes: tuple[Change, ...]
    drift: Drift
    speed: float


def narrowed(
    model: ir.Model,
    contract: Contract,
    float32: Model,
    asked: Precision,
    recordings: Sequence[Recording],
    *,
    calibrate: bool,
    recurrences: Collection[str] = (),
    contexts: Sequence[Mapping[str, Array]] = (),
    say: Say = lambda _: None,
) -> Narrowed:
    """Write `model`, which stays as it is, as `asked`; `float32` is the loaded file of that graph.

    `recordings`: what an error budget is tried on, and with `calibrate` what ranges of activations are taken from, with
    each of the `contexts` too.
    """
    observed: Mapping[str, Range] = {}
    if calibrate:
        say("calibration")
        observed = observe(model, contract, recordings, contexts)
    base = replace(
        contract,
        precision=narrowest((asked.name, *asked.layers.values())),
        provenance={
            **contract.provenance,
            "tolerance": repr(asked.limit),
            "activations": activations(calibrated=calibrate),
        },
    )

    def build(plan: Plan) -> tuple[ir.Model, tuple[Change, ...]]:
        graph = model.clone()
        return graph, narrow(graph, contract.states, plan, observed, recurrences)

    plan = Plan(asked.name, asked.layers)
    if asked.budget_error is not None:
        trial = chained(recordings, _frames(contract))
        plan = search(model, plan, asked.budget_error, lambda p: stamp(build(p)[0], base), float32, trial, say)
    graph, changes = build(plan)
    layers = json.dumps({change.layer: f"{change.precision}: {change.how}" for change in changes})
    base = replace(
        base,
        precision=narrowest(change.precision for change in changes),
        provenance={**base.provenance, "layers": layers},
    )
    promised = replace(base, golden=_golden(load_bytes(stamp(graph, base), float32.name, trust="local")))
    data = stamp(graph, promised)
    weights = tuple((weight.layer, weight.array) for weight in weights_of(model))
    return Narrowed(graph, data, load_bytes(data, float32.name, trust="local"), changes, weights)


def gate(
    narrow: Narrowed,
    float32: Model,
    asked: Precision,
    recordings: Sequence[Recording],
    say: Say,
    look: Callable[[Recording], str] = lambda _: "",
) -> Shrunk:
    """Stream it next to float32 for `FRAMES` frames.

    `look` names the first node whose value differs on a recording, for the message; "" if it cannot be told.
    Raises `VerificationError` with the numbers where it drifts beyond the tolerance, or would in a longer stream: an
    error that grows is looked at once more, over `_LONGER` times the frames.
    """
    say("drift")
    contract = narrow.model.contract
    trial = chained(recordings, _frames(contract))
    found = drift(float32, narrow.model, trial, asked.limit, asked.metric)
    if not found.passed:
        node = look(trial)
        raise VerificationError(
            f"{float32.name}: {asked.name} drifts from float32: error {found.max_error:.3g} within {found.frames:,} "
            f"frames, tolerance {found.tolerance:.3g}, first exceeded at frame "
            f"{found.first_divergence}{': ' * bool(node)}{node}; nothing was written, {REMEDY}"
        )
    if found.unbounded and (asked.longest is None or asked.longest > found.frames):
        say("drift of a longer stream")
        trial = chained(recordings, _LONGER * _frames(contract))
        # Outputs that grow too do not make more of the error right than there was within the first run.
        longer = drift(float32, narrow.model, trial, asked.limit, settled=True, sized=1 / _LONGER)
        _check_growth(longer, asked, float32.name)
    return Shrunk(contract, narrow.changes, found, speed_of(float32, narrow.model))


def _check_growth(found: Drift, asked: Precision, name: str) -> None:
    """Raise `VerificationError` for an error that passes the tolerance in a sequence of the length that is asked."""
    lasts = found.lasts
    if lasts is None or (asked.longest is not None and asked.longest <= lasts):
        return
    raise VerificationError(
        f"{name}: {asked.name} drifts from float32 without bound: the error, {found.max_error:.3g} after "
        f"{found.start + found.frames:,} frames, grows by {found.growth:.2g} in 1,000 and passes the tolerance, "
        f"{found.tolerance:.3g}, at about frame {lasts:,}; nothing was written, {REMEDY}; where streams are reset "
        "before that, say so with Precision(longest=frames)"
    )


def _golden(model: Model) -> Golden | None:
    """What the narrow file itself gives for the golden input; where it is cut may turn a rounding, and that spreads."""
    golden = model.contract.golden
    if golden is None:
        return None
    inputs = dict(golden.inputs)
    whole = outputs_of(model, inputs)
    single = stream_all(model.stream(), inputs, range(1, len(next(iter(inputs.values())))))
    wrong = [name for name, array in whole.items() if not np.isfinite(array).all()]
    if wrong:
        raise VerificationError(
            f"{model.name}: in {model.contract.precision} its output {wrong[0]!r} is not finite; nothing was written, "
            f"{REMEDY}"
        )
    if model.contract.precision in HALVES:
        return Golden(inputs, whole, golden.tolerance)
    apart = max(max_error(whole[name], single[name]) for name in whole)
    largest = max(float(np.abs(array).max(initial=0.0)) for array in whole.values())
    return Golden(inputs, whole, max(_GOLDEN_SHARE * largest, 3 * apart, golden.tolerance))


def _frames(contract: Contract) -> int:
    """Enough for the gate, fewer where the source has attention, in whole calls."""
    frames = int(contract.provenance.get("chained_frames", FRAMES))
    return -(-frames // contract.unit) * contract.unit


def activations(*, calibrated: bool) -> str:
    """What the contract says of the ranges that activations are rounded in."""
    return "static, from recordings" if calibrated else "dynamic, or of proven range"
