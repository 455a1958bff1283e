"""How far a narrow file walks away from its float32 self, over an hour's worth of frames.

Both are streamed side by side over `FRAMES` chained frames without a reset, which is the hardest that a device asks.

1. The error of a value is its difference in parts of the largest value that its channel has had so far, from 1 on
   (`Tolerance`): a quiet channel is not measured by a loud one. The error of a frame is that of its worst value.
2. The first divergence is the first frame beyond the tolerance.
3. Growth is the slope of the error's envelope, its maximum in each of `_WINDOWS` windows, by least squares, and its
   95 % confidence interval: a drift that lasts has one that does not touch zero. One that is `_CERTAIN` intervals away,
   and rises by a fifth of its mean meanwhile, has no bound in sight: at the end of its line it passes the tolerance.
4. A task metric is a score for each item of the user's, such as 1 where an utterance was recognized; the difference
   of the means comes with the 95 % interval of the paired differences (normal approximation).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from rnnedge_export.recordings import Recording, outputs_of
from rnnedge_export.verification.tolerance import Tolerance
from rnnedge_runtime.contract import Array
from rnnedge_runtime.model import Model

FRAMES = 10_000
_WINDOWS = 20
_NORMAL_95 = 1.96
# Noise reaches it once in ten million; an integrator that has not settled is told apart by a longer run.
_CERTAIN, _RISE = 4.0, 0.2
_ONE = Tolerance(1.0, promised=True)

Metric = Callable[[Model], Array]


@dataclass(frozen=True)
class Score:
    """A task metric: its mean in float32 and in the narrow file, and the interval of the difference."""

    float32: float
    narrow: float
    low: float
    high: float
    items: int


@dataclass(frozen=True, eq=False)
class Drift:
    """A narrow file next to float32. `errors` (frames,) is the error of every frame, case 1; growth per 1,000 frames.

    `tolerance` is for outputs up to 1, as the errors are. The first of `errors` is that of frame `start`.
    """

    errors: Array
    tolerance: float
    growth: float
    growth_margin: float
    score: Score | None = None
    start: int = 0

    @property
    def frames(self) -> int:
        """Output frames compared."""
        return len(self.errors)

    @property
    def max_error(self) -> float:
        """The largest error of any frame; NaN where one is NaN."""
        return float(self.errors.max())

    @property
    def first_divergence(self) -> int | None:
        """The first output frame beyond the tolerance."""
        beyond = np.flatnonzero(~(self.errors <= self.tolerance))
        return self.start + int(beyond[0]) if len(beyond) else None

    @property
    def grows(self) -> bool:
        """Whether the error grows for longer than chance explains."""
        return self.growth > self.growth_margin

    @property
    def unbounded(self) -> bool:
        """Whether the error grows steadily, case 3."""
        rise = self.growth * self.frames / 1000
        return self.growth > _CERTAIN * self.growth_margin and rise > _RISE * float(_envelope(self.errors).mean())

    @property
    def lasts(self) -> int | None:
        """The frame at which an error that is `unbounded` passes the tolerance; None for any other."""
        if not self.unbounded:
            return None
        at_end = float(_envelope(self.errors).mean()) + self.growth * self.frames / 2000
        rest = max(0.0, (self.tolerance - at_end) / self.growth * 1000)
        return self.first_divergence or self.start + self.frames + int(rest)

    @property
    def passed(self) -> bool:
        """Whether every frame is within the tolerance (NaN is not)."""
        return self.first_divergence is None

    def summary(self) -> dict[str, object]:
        """The figures as plain data."""
        score = None if self.score is None else vars(self.score)
        names = ("frames", "max_error", "tolerance", "first_divergence", "growth", "growth_margin", "grows", "lasts",
                 "passed")  # fmt: skip
        return {**{name: getattr(self, name) for name in names}, "score": score}


def drift(
    float32: Model,
    narrow: Model,
    recording: Recording,
    tolerance: float,
    metric: Metric | None = None,
    *,
    settled: bool = False,
    sized: float = 1.0,
) -> Drift:
    """Stream both over one recording and compare every output frame; `tolerance` is for outputs of magnitude 1.

    `settled`: the first half is streamed, and not compared. `sized`: the part of the recording after which a channel
    that becomes larger allows no larger error.
    """
    expected, found = outputs_of(float32, recording), outputs_of(narrow, recording)
    errors = errors_of(expected, found, sized)
    start = len(errors) // 2 if settled else 0
    errors = errors[start:]
    growth, margin = _slope(errors)
    score = None if metric is None else _score(metric, float32, narrow)
    return Drift(errors, tolerance, growth, margin, score, start)


def errors_of(expected: dict[str, Array], found: dict[str, Array], sized: float = 1.0) -> Array:
    """The largest error, case 1, at each frame of the longest output; one of another rate counts where it stands."""
    length = max(len(array) for array in expected.values())
    errors = np.zeros(length)
    for name, array in expected.items():
        sizes = _ONE.allowed(array[None])[0]
        sizes = np.minimum(sizes, sizes[ceil(sized * len(sizes)) - 1]) if len(sizes) else sizes
        apart = np.abs(array.astype(np.float64) - found[name]) / sizes
        difference = apart.reshape(len(array), -1).max(axis=1, initial=0.0)
        places = np.minimum((np.arange(len(array)) + 1) * length // len(array) - 1, length - 1)
        errors[places] = np.maximum(errors[places], difference)
    return errors


def _slope(errors: Array) -> tuple[float, float]:
    """Case 3: (slope, half of its interval) per 1,000 frames; zero if there are too few frames to say."""
    if len(errors) < 2 * _WINDOWS or not np.isfinite(errors).all():
        return 0.0, 0.0
    envelope = _envelope(errors)
    time = (np.arange(_WINDOWS) + 0.5) * len(errors) / _WINDOWS / 1000
    centred = time - time.mean()
    slope = float(centred @ envelope / (centred @ centred))
    rest = envelope - envelope.mean() - slope * centred
    deviation = sqrt(float(rest @ rest) / (_WINDOWS - 2) / float(centred @ centred))
    return slope, _NORMAL_95 * deviation


def _envelope(errors: Array) -> Array:
    return np.array([part.max() for part in np.array_split(errors, _WINDOWS)])


def _score(metric: Metric, float32: Model, narrow: Model) -> Score:
    before, after = (np.asarray(metric(model), np.float64) for model in (float32, narrow))
    difference = after - before
    half = _NORMAL_95 * float(difference.std(ddof=1)) / sqrt(len(difference)) if len(difference) > 1 else 0.0
    centre = float(difference.mean())
    return Score(float(before.mean()), float(after.mean()), centre - half, centre + half, len(difference))
