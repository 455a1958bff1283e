"""The way of the hidden state through its own space, seen along the two directions in which it moves most.

Principal component analysis (Pearson 1901; Hotelling 1933) by the singular value decomposition of the centred states.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnedge.explain._recording import Layer
from rnnedge_runtime.contract import Array


@dataclass(frozen=True, eq=False)
class Trajectory:
    """`points` float64 (time, 2) along the first two components; `explained`: the share of the variance of every one.

    `components` (2, unit): the directions, of length 1, the largest weight of each positive.
    """

    points: Array
    explained: Array
    components: Array

    @property
    def dimensions(self) -> int:
        """How many components hold 95 % of the variance: in how many directions the state really moves."""
        return int(np.searchsorted(np.cumsum(self.explained), 0.95) + 1) if self.explained.any() else 0


def trajectory(layer: Layer) -> Trajectory:
    """Of the hidden state; a second component of zeros if there is only one."""
    states = layer.hidden.astype(np.float64)
    centred = states - states.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    variance = sizes**2
    total = variance.sum()
    explained = variance / total if total > 0 else np.zeros_like(variance)
    kept = np.zeros((2, states.shape[1]))
    kept[: min(2, len(directions))] = directions[:2]
    largest = np.abs(kept).argmax(axis=1)
    signs = np.sign(kept[np.arange(2), largest])
    kept *= np.where(signs == 0, 1, signs)[:, None]
    return Trajectory(centred @ kept.T, explained, kept)
