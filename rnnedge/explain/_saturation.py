"""How often the units of a layer stand at the ends of their range, where their gradient is small.

The share of the frames in which a gate is below 0.1 (shut) or above 0.9 (open); of a value between -1 and 1, in which
its magnitude is above 0.9. A unit that is there in nearly every frame is a constant, and learns no more.
Source of the picture: Karpathy, Johnson & Li, "Visualizing and understanding recurrent networks", 2015, section 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnedge.explain._recording import Layer
from rnnedge.explain.gates import OPEN, SHUT, TANH_STATES, gate_of
from rnnedge_runtime.contract import Array

ALWAYS = 0.95


@dataclass(frozen=True, eq=False)
class Saturation:
    """Shares of frames, float64 (unit,), of one inner value: at its lower end, and at its upper end.

    `signed`: its range is -1 to 1, else 0 to 1.
    """

    layer: str
    value: str
    low: Array
    high: Array
    signed: bool

    @property
    def constant_units(self) -> Array:
        """Numbers of the units that stand at one end in 95 % of the frames."""
        return np.flatnonzero(np.maximum(self.low, self.high) >= ALWAYS)

    @property
    def share(self) -> float:
        """Over all units and frames."""
        return float(np.mean(self.low + self.high))


def saturation(layer: Layer) -> tuple[Saturation, ...]:
    """Of every gate, and of the hidden state where it has a range."""
    found = []
    for name, values in layer.gates.items():
        gate = gate_of(layer, name)
        found.append(_share(layer.name, name, values, gate.low, gate.high))
    hidden = layer.states.get("hidden")
    if hidden is not None and hidden.size:
        # A projection has no bounds.
        if abs(hidden).max() <= 1 and (layer.cell in TANH_STATES or hidden.min() < 0):
            found.append(_share(layer.name, "hidden", hidden, -1.0, 1.0))
        elif hidden.min() >= 0 and hidden.max() <= 1:
            found.append(_share(layer.name, "hidden", hidden, 0.0, 1.0))
    return tuple(found)


def _share(layer: str, name: str, values: Array, low: float, high: float) -> Saturation:
    """Between 0 and 1 by `SHUT` and `OPEN`, between -1 and 1 by the magnitude."""
    lower = SHUT if low == 0 else -OPEN
    return Saturation(layer, name, (values < lower).mean(axis=0), (values > OPEN * high).mean(axis=0), low < 0)
