"""Anomalies by forecast: a frame that the forecast did not expect is suspicious.

The score of a frame is the absolute error of its forecast over the root mean square of such errors where all is well
(Malhotra et al., "Long short term memory networks for anomaly detection in time series", ESANN 2015). It is judged on
recordings that anomalies of known kind were put into.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnedge.tasks.forecasting import Forecast
from rnnedge_runtime.contract import Array

# Lengths in frames, heights in standard deviations of the changes from frame to frame.
SPIKE = 1.5
NOISE, NOISY = 1.0, 16
SHIFT, SHIFTED = 1.5, 24


@dataclass(frozen=True, eq=False)
class Disturbed:
    """A recording (time,) that something was put into; `anomalous` (time,) bool says where."""

    x: Array
    anomalous: Array


def spike(x: Array, scale: float, place: int, random: np.random.Generator) -> Disturbed:
    """One frame `SPIKE` higher or lower: a bad contact."""
    return _put(x, place, np.full(1, SPIKE * scale * random.choice([-1.0, 1.0])))


def shift(x: Array, scale: float, place: int, random: np.random.Generator) -> Disturbed:
    """`SHIFTED` frames `SHIFT` higher or lower: the patient moved. The first of them counts, and the one after them."""
    shifted = _put(x, place, np.full(SHIFTED, SHIFT * scale * random.choice([-1.0, 1.0])))
    edges = np.zeros(len(x), bool)
    edges[[place, place + SHIFTED]] = True
    return Disturbed(shifted.x, edges)


def noise(x: Array, scale: float, place: int, random: np.random.Generator) -> Disturbed:
    """`NOISY` frames with white noise of standard deviation `NOISE`: muscles, or the mains."""
    return _put(x, place, NOISE * scale * random.normal(size=NOISY))


KINDS = (spike, shift, noise)


def disturbed(x: Array, scale: float, count: int, first: int, seed: int = 0) -> list[Disturbed]:
    """`count` copies of x (time,) with one anomaly each, of `KINDS` in turn, at a place drawn from frame `first` on.

    `scale`: standard deviation of the changes from frame to frame.
    """
    random = np.random.default_rng(seed)
    end = len(x) - max(SHIFTED, NOISY)
    return [KINDS[i % len(KINDS)](x, scale, int(random.integers(first, end)), random) for i in range(count)]


def anomaly_scores(forecast: Forecast, x: Array, usual: float) -> Array:
    """The score of every frame of x (time,) but the first (time - 1,).

    `usual`: root mean square of the errors of `forecast` where all is well, in units of x.
    """
    scores: Array = np.abs(x[1:] - forecast(x)[:-1]) / usual
    return scores


def detection(forecast: Forecast, recordings: Sequence[Disturbed], first: int) -> float:
    """Area under the ROC curve over all frames after `first`: 0.5 for chance, 1 where every anomaly stands out."""
    from sklearn.metrics import roc_auc_score

    scores = np.concatenate([anomaly_scores(forecast, r.x, 1.0)[first:] for r in recordings])
    anomalous = np.concatenate([r.anomalous[1:][first:] for r in recordings])
    return float(roc_auc_score(anomalous, scores))


def _put(x: Array, place: int, added: Array) -> Disturbed:
    changed, anomalous = x.copy(), np.zeros(len(x), bool)
    changed[place : place + len(added)] += added
    anomalous[place : place + len(added)] = True
    return Disturbed(changed, anomalous)
