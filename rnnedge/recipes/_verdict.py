"""What a training came to, in words: better than guessing? still getting better when it ended?"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from rnnedge.training import SequenceData, TrainerConfig, TrainResult
from rnnedge.training._defaults import updates_per_epoch
from rnnedge.training.metrics import Confusion

# The held-out loss of the last quarter of a training that still learned falls by this share, or more.
_FALLS, _LAST = 0.1, 4
# Standard deviations of a guesser's hits above which a network is no guesser.
_SIGMA = 1.645
# A constant that is nearly as good says the same as one that is as good.
_NEARLY = 0.98


def guessing(train: SequenceData, test: SequenceData, config: TrainerConfig, confusion: Confusion) -> dict[str, float]:
    """What is reached without looking at the input: "accuracy" of the most frequent class, or "loss" of the mean.

    Empty for losses that have no such figure.
    """
    if config.loss == "cross_entropy" and confusion:
        counts = np.sum(confusion, axis=1)
        return {"accuracy": float(counts.max() / counts.sum())}
    if config.loss in ("mse", "mae"):
        mean = np.concatenate(train.targets).mean(axis=0, dtype=np.float64)
        error = np.concatenate(test.targets) - mean
        return {"loss": float(np.mean(error**2 if config.loss == "mse" else np.abs(error)))}
    return {}


def remarks(
    result: TrainResult,
    config: TrainerConfig,
    train: SequenceData,
    metrics: Mapping[str, float],
    guess: Mapping[str, float],
    confusion: Confusion,
) -> tuple[str, ...]:
    """Sentences for the person who trained, each with what to do; none if all is well. `config` is settled."""
    updates = len(result.epochs) * updates_per_epoch(config, train)
    longer = f"train longer (training.epochs = {3 * max(len(result.epochs), 1)})"
    found = []
    if guess and not _better(metrics, guess, confusion):
        few = f", it had only {updates} updates" if updates < 300 else ""
        found.append(
            f"no better than guessing{few}: {longer}, find a learning rate with --range-test, or look at the data"
        )
    elif _still_improving(result):
        found.append(f"still improving at the end: {longer}")
    return tuple(found)


def _better(metrics: Mapping[str, float], guess: Mapping[str, float], confusion: Confusion) -> bool:
    """Whether the test says more than a guess would by chance: one side, at five percent."""
    if "loss" in guess:
        return metrics["test_loss"] < _NEARLY * guess["loss"]
    count, share = int(np.sum(confusion)), guess["accuracy"]
    hits = float(np.trace(np.asarray(confusion)))
    if share == 1:
        return True
    return hits > count * share + _SIGMA * math.sqrt(count * share * (1 - share))


def _still_improving(result: TrainResult) -> bool:
    losses = [result.start_loss, *(epoch.validation_loss for epoch in result.epochs)]
    done = bool(result.epochs) and (result.epochs[-1].accuracy or 0) == 1
    if result.interrupted or done or len(losses) <= _LAST:
        return False
    before, last = min(losses[: -(len(losses) // _LAST)]), min(losses)
    return last < before * (1 - _FALLS) if before > 0 else last < before - _FALLS * abs(before)
