"""Everything that was found out about one sequence, as numbers and as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnedge.explain._attribution import Attribution
from rnnedge.explain._half_life import gate_half_life
from rnnedge.explain._outputs import Target
from rnnedge.explain._recording import Layer, Recording
from rnnedge.explain._saturation import Saturation, saturation
from rnnedge.explain._trajectory import Trajectory, trajectory
from rnnedge_runtime.contract import Array
from rnnedge_runtime.scores import probabilities

if TYPE_CHECKING:
    from rnnedge.explain._decay import Decay
    from rnnedge.explain._memory import Reach


@dataclass(frozen=True, eq=False)
class Findings:
    """One layer. `gate_half_life` float64 (unit,) in frames; `decay`: the same as it was measured, where it was."""

    layer: Layer
    saturation: tuple[Saturation, ...]
    gate_half_life: Array | None
    trajectory: Trajectory
    decay: Decay | None = None


@dataclass(frozen=True, eq=False)
class Explanation:
    """What was found. `left_out`: what could not be, and why, a sentence each."""

    recording: Recording
    target: Target
    layers: tuple[Findings, ...]
    attributions: tuple[Attribution, ...] = ()
    reach: Reach | None = None
    left_out: tuple[str, ...] = ()

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Everything by name, as it goes into an NPZ file; docs/explain.md has the list."""
        yield from self.recording.arrays()
        for found in self.layers:
            name = found.layer.name
            yield f"{name}.trajectory", found.trajectory.points
            for one in found.saturation:
                yield f"{name}.{one.value}.saturated", np.stack([one.low, one.high])
            if found.gate_half_life is not None:
                yield f"{name}.half_life.gate", found.gate_half_life
            if found.decay is not None:
                yield f"{name}.half_life.measured", found.decay.half_life
                yield f"{name}.decay", found.decay.left
        for attribution in self.attributions:
            yield f"attribution.{attribution.method.replace(' ', '_')}", attribution.shares
        if self.reach is not None:
            yield "reach", self.reach.norms

    @property
    def probability(self) -> float | None:
        """Of the label that is explained; None where its values are no scores of labels."""
        recording, target = self.recording, self.target
        values = recording.outputs[target.output][target.frame]
        if recording.scores == "raw" or len(values) != len(recording.labels):
            return None
        return float(probabilities(values, recording.scores)[target.unit])

    def numbers(self) -> dict[str, Any]:
        """Plain data for JSON; a number that is infinite is null."""
        recording, target = self.recording, self.target
        return {
            "source": recording.source,
            "frames": recording.length,
            "frame_rate_hz": recording.frame_rate_hz,
            "target": {**vars(target), "value": float(recording.outputs[target.output][target.frame, target.unit])},
            "probability": self.probability,
            "layers": [_layer_numbers(found) for found in self.layers],
            "attributions": [_attribution_numbers(one) for one in self.attributions],
            "reach": None if self.reach is None else {
                "half_frames": self.reach.length(0.5), "hundredth_frames": self.reach.length(0.01),
                "of_frames": len(self.reach.norms),
            },
            "left_out": list(self.left_out),
        }  # fmt: skip


def look_into(layer: Layer, decay: Decay | None = None) -> Findings:
    """What the values of a layer say by themselves."""
    return Findings(layer, saturation(layer), gate_half_life(layer), trajectory(layer), decay)


def _layer_numbers(found: Findings) -> dict[str, Any]:
    layer = found.layer
    return {
        "name": layer.name,
        "cell": layer.cell,
        "units": layer.units,
        "values": [*layer.states, *layer.gates],
        "saturation": {
            one.value: {
                "low": float(one.low.mean()), "high": float(one.high.mean()),
                "constant_units": one.constant_units.tolist(),
            }
            for one in found.saturation
        },
        "gate_half_life_frames": _finite(found.gate_half_life),
        "measured_half_life_frames": None if found.decay is None else _finite(found.decay.half_life),
        "dimensions": found.trajectory.dimensions,
    }  # fmt: skip


def _attribution_numbers(one: Attribution) -> dict[str, Any]:
    by_frame = one.by_frame
    return {
        "method": one.method,
        "detail": one.detail,
        "baseline": one.baseline,
        "output": one.output,
        "baseline_output": one.baseline_output,
        "sum": float(one.shares.sum()),
        "gap": one.gap if one.method != "occlusion" else None,
        "most_important_frames": np.argsort(by_frame)[::-1][:10].tolist(),
    }


def _finite(values: Array | None) -> list[float | None] | None:
    if values is None:
        return None
    return [float(f"{value:.6g}") if isfinite(value) else None for value in values]
