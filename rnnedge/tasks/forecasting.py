"""What every forecast of the next frame shares: the target, a simple forecast to start from, errors of a streamed file.

A forecast is a function of a series x (time,) that gives, for each frame, what it expects of the next one (time,), and
has seen nothing after that frame. A network learns what a simple `reference` forecast r misses:

    y_t = x_{t+1} - r(x)_t
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


def moving_average(count: int) -> Forecast:
    """The mean of the last `count` frames."""
    return lambda x: np.asarray(past_frames(x, count).mean(axis=1))


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


def past_frames(x: Array, count: int) -> Array:
    """x (time,) -> (time, count): each frame and those before it, the newest first."""
    long = np.concatenate([np.repeat(x[:1], count - 1), x])
    windows: Array = np.lib.stride_tricks.sliding_window_view(long, count)[:, ::-1]
    return windows
