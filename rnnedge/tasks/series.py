"""What will the heart do next? Forecast the next sample of an electrocardiogram.

1,024 samples with three beats, read from the installed PyWavelets package (`pywt.data.ecg`); nothing is downloaded. The
network learns from the first beat, the second decides when to stop, the third is the test.

One beat is little to learn from, so it is shown in variations such as an electrocardiogram has: another amplitude,
another pace, a baseline that lies elsewhere, a noisier electrode.
"""

from __future__ import annotations

import numpy as np

from rnnedge.tasks.forecasting import examples, persistence
from rnnedge.training.splits import Splits
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import MissingExtra

VALIDATION, TEST = 448, 704
# Frames before the first one that is judged: they are of the part before, known when the forecast is made.
WARMUP = 16
_VARIATIONS, _LENGTH, _SEED = 1200, 64, 0
_AMPLITUDE, _PACE = 0.35, 0.1
# In standard deviations of the training part, and in its own units.
_BASELINE, _NOISE = 0.5, 1.5
reference = persistence


def load() -> Splits:
    """Variations of the first beat, the second and the third beat, each with `WARMUP` frames ahead.

    Raises `MissingExtra` where PyWavelets is not installed.
    """
    x = ecg()
    series = variations(x[:VALIDATION]), [x[VALIDATION - WARMUP - 1 : TEST]], held_out()
    train, validation, test = (examples(part, features, reference) for part in series)
    return Splits(train, validation, test)


def held_out() -> list[Array]:
    """The third beat (time,), in units of the recorder; what is forecast are the frames after the first `WARMUP`."""
    return [ecg()[TEST - WARMUP - 1 :]]


def features(x: Array) -> Array:
    """x (time,) -> (time, 3): the sample, its change from the one before, and the change of that."""
    change = np.diff(x, prepend=x[:1])
    return np.stack([x, change, np.diff(change, prepend=change[:1])], axis=1)


def ecg() -> Array:
    """The whole series (time,) float64, in units of the recorder."""
    try:
        import pywt
    except ImportError as error:
        raise MissingExtra("the series task needs PyWavelets; install 'rnnedge[tasks]'") from error
    return np.asarray(pywt.data.ecg(), np.float64)


def variations(x: Array) -> list[Array]:
    """Pieces of x (time,) at another amplitude, pace, baseline and with noise: always the same ones."""
    random = np.random.default_rng(_SEED)
    return [_variation(x, random) for _ in range(_VARIATIONS)]


def _variation(x: Array, random: np.random.Generator) -> Array:
    times = np.arange(_LENGTH + 1) * np.exp(random.uniform(-_PACE, _PACE))
    start = random.uniform(0, len(x) - 1 - times[-1])
    piece = np.interp(start + times, np.arange(len(x)), x)
    amplitude = np.exp(random.uniform(-_AMPLITUDE, _AMPLITUDE))
    moved = x.mean() + amplitude * (piece - x.mean()) + _BASELINE * x.std() * random.normal()
    varied: Array = moved + _NOISE * random.normal(size=len(piece))
    return varied
