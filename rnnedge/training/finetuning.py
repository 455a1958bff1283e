"""Teach a trained network to be right with weights of few bits, in a few epochs more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rnnedge.nn import RecurrentNetwork
from rnnedge.training.data import SequenceData
from rnnedge.training.quantization import PRECISIONS
from rnnedge.training.state import Epoch
from rnnedge.training.trainer import Augment, TrainerConfig, TrainResult, fit

EPOCHS = 20
LEARNING_RATE = 1e-3


def finetune(
    network: RecurrentNetwork,
    train: SequenceData,
    validation: SequenceData,
    config: TrainerConfig,
    precision: str,
    *,
    augment: Augment | None = None,
    progress: Callable[[Epoch], None] | None = None,
    state: Path | None = None,
    resume: bool = False,
) -> TrainResult:
    """Train `network`, which has weights already, as `precision` ("int8" or "int4") will round them.

    As `fit` does it, but every loss, in training and in validation, is that of the rounded network. At the end
    `network` has the float32 weights whose rounded selves were best, those at the start among them (`best` is 0 then).
    `EPOCHS` and `LEARNING_RATE` are what a config should say where nothing else is known.

    Raises what `fit` does, and `ValueError` for another precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision: expected one of {', '.join(PRECISIONS)}, found {precision!r}")
    rounded = replace(config, precision=precision)
    return fit(network, train, validation, rounded, augment=augment, progress=progress, state=state, resume=resume)
