"""Processor time and memory of this process while something runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rnnedge_runtime.contract import Array

_STATM = Path("/proc/self/statm")
_FEWEST = 8
# What a process takes while it warms up is no leak: a slope needs half a minute at least.
SLOPE_S = 30.0
_NS_PER_HOUR = 3.6e12


@dataclass(frozen=True)
class Usage:
    """Processor time per frame, of all threads, without what was burnt while waiting; resident memory and its slope.

    `idle_burn` is the share of a core that the process burnt while it waited asleep for frames; None where it never
    did. Shorter runs than half a minute have no slope.
    """

    cpu_us_per_frame: float
    idle_burn: float | None
    rss_mb: float | None
    rss_slope_mb_per_hour: float | None

    def summary(self) -> dict[str, object]:
        """The figures as plain data."""
        return dict(vars(self))


@dataclass
class Meter:
    """Made by `watch` as a run begins; `look` takes the memory, at a cost that is not counted as the run's."""

    _clock: Callable[[], int]
    _cpu: Callable[[], int]
    _memory: Callable[[], float | None]
    _looks: list[tuple[int, float]] = field(default_factory=list)
    _own_ns: int = 0

    def __post_init__(self) -> None:
        self._began_ns, self._cpu_ns = self._clock(), self._cpu()

    def look(self) -> None:
        """Note the resident memory now."""
        before = self._cpu()
        resident = self._memory()
        if resident is not None:
            self._looks.append((self._clock(), resident))
        self._own_ns += self._cpu() - before

    def usage(self, awake_ns: int, asleep_ns: int, burnt_ns: int, frames: int) -> Usage:
        """What the run took: waited `awake_ns` awake on our own account, and burnt `burnt_ns` in `asleep_ns` asleep."""
        cpu = self._cpu() - self._cpu_ns - self._own_ns
        wall = self._clock() - self._began_ns
        slope = None
        if len(self._looks) >= _FEWEST and wall >= SLOPE_S * 1e9:
            slope = _slope(*np.array(self._looks).T) * _NS_PER_HOUR
        latest = self._looks[-1][1] if self._looks else None
        burn = burnt_ns / asleep_ns if asleep_ns else None
        return Usage(max(cpu - awake_ns - burnt_ns, 0) / 1000 / frames, burn, latest, slope)


def watch(
    clock: Callable[[], int] = time.perf_counter_ns,
    cpu: Callable[[], int] = time.process_time_ns,
    memory: Callable[[], float | None] | None = None,
) -> Meter:
    """Begin to count; `clock` and `cpu` in nanoseconds, `memory` in MB."""
    return Meter(clock, cpu, memory or resident_mb)


def resident_mb() -> float | None:
    """Resident memory of this process; None where the system does not say."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1048576
    except (OSError, ValueError, IndexError):
        return None


def _slope(x: Array, y: Array) -> float:
    """Median of the slopes of all pairs (Theil 1950, Sen 1968): one step, as of a late warm-up, moves it little."""
    first, second = np.triu_indices(len(x), 1)
    return float(np.median((y[second] - y[first]) / (x[second] - x[first])))
