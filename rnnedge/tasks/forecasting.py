"""What every forecast of the next frame shares: the target, simple forecasts to be beaten, errors of a streamed file.

A forecast is a function of a series x (time,) that gives, for each frame, what it expects of the next one (time,), and
has seen nothing after that frame. A network learns what a simple `reference` forecast r misses:

    y_t = x_{t+1} - r(x)_t
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rnnedge.training import SequenceData
from rnnedge_runtime.contract import Array
from rnnedge_runtime.golden import stream_all
from rnnedge_runtime.model import Model

Forecast = Callable[[Array], Array]
LABELS = ("what the reference misses",)


def examples(series: Sequence[Array], features: Callable[[Array], Array], reference: Forecast) -> SequenceData:
    """What a network sees of series (time,), `features` (time, feature), with y as target: one frame less of each."""
    frames = tuple(features(x)[:-1].astype(np.float32) for x in series)
    targets = tuple((x[1:] - reference(x)[:-1])[:, None].astype(np.float32) for x in series)
    return SequenceData(frames, targets, LABELS)


def persistence(x: Array) -> Array:
    """The same again."""
    return x


def seasonal(period: int) -> Forecast:
    """The same as a period before the next frame; before the first frame, the first frame."""
    return lambda x: _past(x, period)[:, -1]


def moving_average(count: int) -> Forecast:
    """The mean of the last `count` frames."""
    return lambda x: np.asarray(_past(x, count).mean(axis=1))


@dataclass(frozen=True, eq=False)
class Autoregression:
    """AR(p): w_1 x_t + ... + w_p x_{t-p+1} + b, by least squares: the best linear forecast from p frames.

    `weights` (p + 1,) float64, the newest frame first, b last.
    """

    weights: Array

    def __call__(self, x: Array) -> Array:
        """x (time,) -> (time,); before the first frame, the first frame."""
        forecast: Array = _past(x, len(self.weights) - 1) @ self.weights[:-1] + self.weights[-1]
        return forecast


def autoregression(series: Sequence[Array], order: int) -> Autoregression:
    """AR(`order`) of series (time,), by their frames that have so many before them."""
    past = np.concatenate([_past(x, order)[order - 1 : -1] for x in series])
    following = np.concatenate([x[order:] for x in series])
    design = np.concatenate([past, np.ones((len(past), 1))], axis=1)
    return Autoregression(np.linalg.lstsq(design, following, rcond=None)[0])


def streamed(model: Model, features: Callable[[Array], Array], reference: Forecast) -> Forecast:
    """The forecast of a file, each series from a reset and pushed one frame at a time."""
    stream = model.stream()

    def forecast(x: Array) -> Array:
        stream.reset()
        frames = features(x).astype(np.float32)
        y = next(iter(stream_all(stream, frames, range(1, len(frames))).values()))
        expected: Array = reference(x) + y[:, 0]
        return expected

    return forecast


def errors(forecast: Forecast, series: Sequence[Array], first: int) -> Array:
    """Next frame minus forecast (frame,), in units of the series: of series (time,), from frame `first` on."""
    return np.concatenate([(x[1:] - forecast(x)[:-1])[first:] for x in series])


def rmse(forecast: Forecast, series: Sequence[Array], first: int) -> float:
    """Root mean square of `errors`."""
    return float(np.sqrt(np.mean(errors(forecast, series, first) ** 2)))


def _past(x: Array, count: int) -> Array:
    """x (time,) -> (time, count): each frame and those before it, the newest first."""
    long = np.concatenate([np.repeat(x[:1], count - 1), x])
    windows: Array = np.lib.stride_tricks.sliding_window_view(long, count)[:, ::-1]
    return windows
