"""Processor time and memory of this process while something runs."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

_STATM = Path("/proc/self/statm")
_FEWEST = 8
# What a process takes while it warms up is no leak: a slope needs half a minute at least.
_LEAST_WALL_NS = 30_000_000_000


@dataclass(frozen=True)
class Usage:
    """Processor time per frame; the share of a core that is burnt while waiting; resident memory and its slope.

    Shorter runs than half a minute have no slope.
    """

    cpu_us_per_frame: float
    idle_burn: float
    rss_mb: float | None
    rss_slope_mb_per_hour: float | None

    def summary(self) -> dict[str, object]:
        """The figures as plain data."""
        return dict(vars(self))


@dataclass
class Meter:
    """Made by `watch` as a run begins; `look` takes the memory."""

    _cpu_ns: int
    _wall_ns: int
    _looks: list[tuple[float, float]] = field(default_factory=list)

    def look(self) -> None:
        """Note the resident memory now."""
        pages = resident_mb()
        if pages is not None:
            self._looks.append((time.perf_counter() / 3600, pages))

    def usage(self, busy_ns: int, awake_ns: int, frames: int) -> Usage:
        """What the run took: `busy_ns` in pushes, `awake_ns` waiting awake on our own account."""
        cpu, wall = time.process_time_ns() - self._cpu_ns, time.perf_counter_ns() - self._wall_ns
        waiting = max(wall - busy_ns - awake_ns, 1)
        burnt = max(cpu - busy_ns - awake_ns, 0)
        slope = None
        if len(self._looks) >= _FEWEST and wall >= _LEAST_WALL_NS:
            hours, sizes = np.array(self._looks).T
            slope = float(np.polyfit(hours - hours[0], sizes, 1)[0])
        latest = self._looks[-1][1] if self._looks else None
        return Usage(max(cpu - awake_ns, 0) / 1000 / frames, burnt / waiting, latest, slope)


def watch() -> Meter:
    """Begin to count."""
    return Meter(time.process_time_ns(), time.perf_counter_ns())


def resident_mb() -> float | None:
    """Resident memory of this process; None where the system does not say."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1048576
    except (OSError, ValueError, IndexError):
        return None
