"""Times of pushes, and what is said of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnedge_runtime.annotated import checked
from rnnedge_runtime.arguments import number
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError

PERCENTILES = (50.0, 90.0, 99.0, 99.9)


@checked
def percentile(values: Array, percent: float) -> float:
    """A measured value that at least `percent` of all do not exceed; where two surround the place, the larger one."""
    number(percent, "percent", least=0, most=100)
    if values.ndim != 1 or not len(values) or values.dtype.kind not in "iuf":
        raise InputError(f"values: expected numbers (count,), found {values.dtype} {values.shape}")
    return float(np.percentile(values, percent, method="higher"))


@dataclass(frozen=True, eq=False)
class Latency:
    """Time of every push in the order they were made, microseconds, float64 (pushes,).

    `frames_per_push` is 1, or the chunk of a fixed-chunk file; `frame_rate_hz` is the file's own.
    """

    push_us: Array
    frames_per_push: int
    frame_rate_hz: float | None

    def percentile_us(self, percent: float) -> float:
        """The time within which `percent` of the pushes ended."""
        return percentile(self.push_us, percent)

    @property
    def max_us(self) -> float:
        """The slowest push."""
        return float(self.push_us.max())

    @property
    def mean_us(self) -> float:
        """The average push."""
        return float(self.push_us.mean())

    @property
    def real_time_factor(self) -> float | None:
        """Time spent over time of signal: below 1 keeps up. None where the file states no frame rate."""
        if self.frame_rate_hz is None:
            return None
        return self.mean_us * 1e-6 * self.frame_rate_hz / self.frames_per_push

    def summary(self) -> dict[str, float | int | None]:
        """The figures as plain data."""
        percentiles = {f"p{p:g}_us": self.percentile_us(p) for p in PERCENTILES}
        return {
            "pushes": len(self.push_us),
            "frames_per_push": self.frames_per_push,
            **percentiles,
            "max_us": self.max_us,
            "mean_us": self.mean_us,
            "real_time_factor": self.real_time_factor,
        }
