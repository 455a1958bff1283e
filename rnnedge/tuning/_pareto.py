"""The front, and the winner: what is not beaten in everything, and what is best for an objective.

1. A trial is on the front where no other one is as good in p99, memory, file size and error, and better in one of them.
2. The winner has the least of the objective. Its noise is how far the medians of its rounds scatter, together with that
   of the runner-up; candidates within it are as good, and among these the one comes first that is simplest: wider
   numbers, the native form, fewer threads. So a second run gives the same, though the medians are others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np

from rnnedge.tuning._candidates import PRECISIONS, Candidate
from rnnedge_runtime.annotated import checked
from rnnedge_runtime.errors import InputError

_FORMS = ("native", "step", "scan", "unrolled")
_OPTIMIZATIONS = ("all", "extended", "basic", "none")
_FLOOR = 0.02


@dataclass(frozen=True)
class Trial:
    """What was measured of one candidate.

    `rounds` holds what the objective asks for in each round, less is better: the median time from arrival to the end of
    a push, or the time per frame (microseconds), joules per frame, or again and again the bytes of the file.
    """

    candidate: Candidate
    rounds: tuple[float, ...]
    p50_us: float
    p99_us: float
    memory_mb: float
    size_bytes: int
    error: float

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return float(np.median(self.rounds))

    @property
    def noise(self) -> float:
        """The standard error of that median, relative to it; 2 % at least, which no shared machine goes below."""
        if len(self.rounds) < 2:
            return _FLOOR
        deviation = 1.4826 * float(np.median(np.abs(np.array(self.rounds) - self.value)))
        return max(_FLOOR, 1.2533 * deviation / sqrt(len(self.rounds)) / self.value) if self.value else _FLOOR


@dataclass(frozen=True)
class Choice:
    """The winner, those that are as good within `noise` (relative), and the front."""

    winner: Trial
    as_good: tuple[Trial, ...]
    noise: float
    front: tuple[Trial, ...]


@checked
def choose(trials: Sequence[Trial]) -> Choice:
    """The winner of at least one trial."""
    if not trials:
        raise InputError("choose: trials: expected at least one, found none")
    best = min(trials, key=lambda t: t.value)
    near = [t for t in trials if t.value <= best.value * (1 + 2 * hypot(best.noise, t.noise))]
    winner = min(near, key=lambda t: _plainness(t.candidate))
    noise = max((2 * hypot(best.noise, t.noise) for t in near), default=2 * best.noise)
    return Choice(winner, tuple(t for t in near if t is not winner), noise, tuple(front(trials)))


@checked
def front(trials: Sequence[Trial]) -> list[Trial]:
    """Those that no other one beats in everything, the fastest first."""
    kept = [t for t in trials if not any(_beats(other, t) for other in trials if other is not t)]
    return sorted(kept, key=lambda t: t.p99_us)


def _beats(a: Trial, b: Trial) -> bool:
    ours, theirs = _figures(a), _figures(b)
    return all(x <= y for x, y in zip(ours, theirs, strict=True)) and ours != theirs


def _figures(trial: Trial) -> tuple[float, ...]:
    return trial.p99_us, trial.memory_mb, trial.size_bytes, trial.error


def _plainness(candidate: Candidate) -> tuple[int, ...]:
    return (
        PRECISIONS.index(candidate.precision),
        _FORMS.index(candidate.form),
        candidate.threads,
        _OPTIMIZATIONS.index(candidate.optimization),
        candidate.chunk or 0,
        int(candidate.provider != "cpu"),
    )
