"""A float32 file that is proven -> the same graph in fewer bits, and how far it drifts from the proven one."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx_ir as ir

from rnnedge_export.precision.apply import PRECISIONS, Change, Plan, narrow
from rnnedge_export.precision.bounds import Range
from rnnedge_export.precision.budget import search
from rnnedge_export.precision.calibrate import observe
from rnnedge_export.precision.drift import FRAMES, TOLERANCES, Drift, Metric, drift
from rnnedge_export.precision.recordings import Recording, chained, outputs_of
from rnnedge_export.precision.speed import speed_of
from rnnedge_export.stamp import stamp
from rnnedge_runtime.contract import Contract, Golden
from rnnedge_runtime.errors import ModelRefused, VerificationError
from rnnedge_runtime.golden import max_error, stream_all
from rnnedge_runtime.model import Model, load_bytes

REMEDY = (
    "keep layers wider (an error budget finds which), calibrate with recordings, fine-tune the network for it, or "
    "raise the tolerance"
)
_GOLDEN_SHARE = 0.02


@dataclass(frozen=True)
class Precision:
    """What is asked of the numbers of a file.

    `name`: float32, float16, int8 or int4; `layers`: another one for some layers by name. `tolerance`: the largest
    error of a streamed frame that is accepted, for outputs of magnitude 1; by default that of the narrowest precision
    in use (`TOLERANCES`). `budget_error`: choose the layers' precisions by measurement so that the file is the smallest
    within this error, none narrower than `name`. `metric(model)` gives a score for each item of a task.
    """

    name: str = "float32"
    layers: Mapping[str, str] = field(default_factory=dict)
    tolerance: float | None = None
    budget_error: float | None = None
    metric: Metric | None = None

    def __post_init__(self) -> None:
        """Raise `ModelRefused` for what does not exist or contradicts itself."""
        for name in (self.name, *self.layers.values()):
            if name not in PRECISIONS:
                raise ModelRefused(f"precision: expected one of {', '.join(PRECISIONS)}, found {name!r}")
        if self.name == "float32" and (self.layers or self.budget_error is not None):
            raise ModelRefused(
                "precision: expected int8 or int4 where layers or an error budget are given, found float32"
            )
        for key in ("tolerance", "budget_error"):
            value = getattr(self, key)
            if value is not None and not value > 0:
                raise ModelRefused(f"{key}: expected an error above 0, found {value}")

    @property
    def limit(self) -> float:
        """The largest error that is accepted."""
        if self.tolerance is not None:
            return self.tolerance
        if self.budget_error is not None:
            return self.budget_error
        return TOLERANCES[_narrowest((self.name, *self.layers.values()))]


@dataclass(frozen=True, eq=False)
class Shrunk:
    """A narrow file in memory. `speed`: time of a call in float32 over its own; above 1 it is the faster one."""

    data: bytes
    contract: Contract
    model: Model
    changes: tuple[Change, ...]
    drift: Drift
    speed: float


def shrink(
    model: ir.Model,
    contract: Contract,
    float32: Model,
    asked: Precision,
    recordings: Sequence[Recording],
    *,
    calibrate: bool,
    recurrences: Collection[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Shrunk:
    """Write `model`, which stays as it is, as `asked`, and measure it beside `float32`, the loaded file of that graph.

    `recordings`: what it is tried on, and with `calibrate` what ranges of activations are taken from.
    Raises `VerificationError` with the numbers where it drifts beyond the tolerance.
    """
    observed: Mapping[str, Range] = {}
    if calibrate:
        say("calibration")
        observed = observe(model, contract, recordings)
    base = replace(
        contract,
        precision=_narrowest((asked.name, *asked.layers.values())),
        provenance={**contract.provenance, "tolerance": repr(asked.limit), "activations": _activations(calibrate)},
    )

    def build(plan: Plan) -> tuple[ir.Model, tuple[Change, ...]]:
        graph = model.clone()
        return graph, narrow(graph, contract.states, plan, observed, recurrences)

    trial = chained(recordings, _frames(contract))
    plan = Plan(asked.name, asked.layers)
    if asked.budget_error is not None:
        plan = search(model, plan, asked.budget_error, lambda p: stamp(build(p)[0], base), float32, trial, say)
    say("drift")
    graph, changes = build(plan)
    layers = json.dumps({change.layer: f"{change.precision}: {change.how}" for change in changes})
    base = replace(
        base,
        precision=_narrowest(change.precision for change in changes),
        provenance={**base.provenance, "layers": layers},
    )
    promised = replace(base, golden=_golden(load_bytes(stamp(graph, base), float32.name, trust="local")))
    data = stamp(graph, promised)
    loaded = load_bytes(data, float32.name, trust="local")
    found = drift(float32, loaded, trial, asked.limit, asked.metric)
    _require(found, asked, float32.name)
    return Shrunk(data, promised, loaded, changes, found, speed_of(float32, loaded))


def _narrowest(precisions: Iterable[str]) -> str:
    return max(precisions, key=PRECISIONS.index, default="float32")


def _golden(model: Model) -> Golden | None:
    """What the narrow file itself gives for the golden input; where it is cut may turn a rounding, and that spreads."""
    golden = model.contract.golden
    if golden is None:
        return None
    inputs = dict(golden.inputs)
    whole = outputs_of(model, inputs)
    single = stream_all(model.stream(), inputs, range(1, len(next(iter(inputs.values())))))
    if model.contract.precision == "float16":
        return Golden(inputs, whole, golden.tolerance)
    apart = max(max_error(whole[name], single[name]) for name in whole)
    largest = max(float(np.abs(array).max(initial=0.0)) for array in whole.values())
    return Golden(inputs, whole, max(_GOLDEN_SHARE * largest, 3 * apart, golden.tolerance))


def _frames(contract: Contract) -> int:
    """Enough for the gate, fewer where the source has attention, in whole calls."""
    frames = int(contract.provenance.get("chained_frames", FRAMES))
    return -(-frames // contract.unit) * contract.unit


def _activations(calibrate: bool) -> str:
    return "static, from recordings" if calibrate else "dynamic, or of proven range"


def _require(found: Drift, asked: Precision, name: str) -> None:
    if found.passed:
        return
    raise VerificationError(
        f"{name}: {asked.name} drifts from float32: error {found.max_error:.3g} within {found.frames:,} frames, "
        f"tolerance {found.tolerance:.3g}, first exceeded at frame {found.first_divergence}; nothing was written, "
        f"{REMEDY}"
    )
