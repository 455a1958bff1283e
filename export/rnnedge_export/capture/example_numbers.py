"""Numbers that frames are drawn from: all, or those of a range."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rnnedge_runtime.contract import Array


@dataclass(frozen=True)
class Numbers:
    """Those from `low` to `high`."""

    low: float = -math.inf
    high: float = math.inf

    def of(self, frames: Array) -> Array:
        """Frames of any numbers as such of these."""
        if self.high < math.inf:
            width = self.high - self.low
            return (self.low + width * (0.5 + 0.5 * np.tanh(frames))).astype(frames.dtype)
        return frames if self.low < 0 else np.abs(frames)

    def __str__(self) -> str:
        """As a proof names random frames."""
        if self.high < math.inf:
            return f"numbers from {self.low:g} to {self.high:g}"
        return "N(0, 1)" if self.low < 0 else "|N(0, 1)|"


ANY = Numbers()
