"""Simple forecasts that a network has to beat, and the error of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnedge.tasks.forecasting import Forecast, errors, past_frames
from rnnedge_runtime.contract import Array


def seasonal(period: int) -> Forecast:
    """The same as a period before the next frame; before the first frame, the first frame."""
    return lambda x: past_frames(x, period)[:, -1]


@dataclass(frozen=True, eq=False)
class Autoregression:
    """AR(p): w_1 x_t + ... + w_p x_{t-p+1} + b, by least squares: the best linear forecast from p frames.

    `weights` (p + 1,) float64, the newest frame first, b last.
    """

    weights: Array

    def __call__(self, x: Array) -> Array:
        """x (time,) -> (time,); before the first frame, the first frame."""
        forecast: Array = past_frames(x, len(self.weights) - 1) @ self.weights[:-1] + self.weights[-1]
        return forecast


def autoregression(series: Sequence[Array], order: int) -> Autoregression:
    """AR(`order`) of series (time,), by their frames that have so many before them."""
    past = np.concatenate([past_frames(x, order)[order - 1 : -1] for x in series])
    following = np.concatenate([x[order:] for x in series])
    design = np.concatenate([past, np.ones((len(past), 1))], axis=1)
    return Autoregression(np.linalg.lstsq(design, following, rcond=None)[0])


def rmse(forecast: Forecast, series: Sequence[Array], first: int) -> float:
    """Root mean square of `errors`."""
    return float(np.sqrt(np.mean(errors(forecast, series, first) ** 2)))
