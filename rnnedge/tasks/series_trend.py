"""How will it grow? Forecast the next day of the first wave of COVID-19, in 201 countries.

Daily confirmed cases of 84 days up to the end of March 2020 (World Health Organization; sktime's Covid3Month), most of
them rising exponentially at the end. The data is read from the installed sktime package; nothing is downloaded. Days 0
to 69 of four countries in five are learned from, those of every fifth country decide when to stop, and the last 14 days
of all countries are the test.
"""

from __future__ import annotations

import numpy as np

from rnnedge.tasks.forecasting import examples, moving_average
from rnnedge.training.splits import Splits
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import MissingExtra

TEST, WEEK = 70, 7
# Days before the first one that is judged: they are of the part before, known when the forecast is made.
WARMUP = 21
FRAME_RATE_HZ = 1 / 86_400
_EVERY, _VALIDATION = 5, 4
reference = moving_average(WEEK)


def load() -> Splits:
    """Countries as sequences of days.

    Raises `MissingExtra` where sktime is not installed.
    """
    known = growth()[:, :TEST]
    held_back = np.arange(len(known)) % _EVERY == _VALIDATION
    parts = list(known[~held_back]), list(known[held_back]), held_out()
    train, validation, test = (examples(part, features, reference) for part in parts)
    return Splits(train, validation, test, FRAME_RATE_HZ)


def held_out() -> list[Array]:
    """The last days of every country (time,), log(1 + cases); those after the first `WARMUP` + 1 are forecast."""
    return list(growth()[:, TEST - WARMUP - 1 :])


def features(x: Array) -> Array:
    """x (time,) -> (time, 3): the mean of the week, the day less that mean, its change from the day before."""
    week = reference(x)
    return np.stack([week, x - week, np.diff(x, prepend=x[:1])], axis=1)


def growth() -> Array:
    """log(1 + new cases) (country, day) float64, in which exponential growth is a straight line."""
    try:
        from sktime.datasets import load_covid_3month
    except ImportError as error:
        raise MissingExtra("the series-trend task needs sktime; install 'rnnedge[tasks]'") from error
    parts = [load_covid_3month(split=split)[0].iloc[:, 0] for split in ("train", "test")]
    return np.log1p(np.stack([np.asarray(days, np.float64) for part in parts for days in part]))
