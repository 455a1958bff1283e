"""Teach a trained network to be right with weights of few bits, or with fewer weights, in a few epochs more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rnnedge.nn import RecurrentNetwork
from rnnedge.training._config import TrainerConfig
from rnnedge.training._data import SequenceData
from rnnedge.training._epoch import Epoch
from rnnedge.training._narrowed import narrowed
from rnnedge.training._trainer import Augment, TrainResult, fit
from rnnedge.training.quantization import PRECISIONS
from rnnedge_runtime.annotated import checked
from rnnedge_runtime.errors import InputError

EPOCHS = 20
LEARNING_RATE = 1e-3


@checked
def finetune(
    network: RecurrentNetwork,
    train: SequenceData,
    validation: SequenceData,
    config: TrainerConfig,
    precision: str = "float32",
    *,
    prune: float = 0.0,
    augment: Augment | None = None,
    progress: Callable[[Epoch], None] | None = None,
    state: Path | None = None,
    resume: bool = False,
) -> TrainResult:
    """Train `network`, which has weights already, to be right in "int8" or "int4", or without a share of its weights.

    At the end it has rounded weights, or of its large matrices `prune` (above 0, below 1) of the groups are zero.

    As `fit` does it, but every loss, in training and in validation, is that of the narrowed network. The best of the
    epochs is kept, or the start where no epoch was better (`best` is 0 then). What `network` has at the end are float32
    numbers on the grid: it computes what its narrow file will compute, so the file is proven against it. (The weights
    before the rounding would be a worse reference: nothing ties what they compute to the task.)

    `EPOCHS` and `LEARNING_RATE` are what a config should say where nothing else is known. Raises what `fit` does, and
    `InputError` for another precision, for both at once, and for a network that has nothing to prune.
    """
    if precision not in PRECISIONS and not (prune and precision == "float32"):
        raise InputError(f"precision: expected one of {', '.join(PRECISIONS)}, found {precision!r}")
    how = replace(config, precision=precision, prune=prune)
    # What cannot be pruned is said before the first epoch.
    narrowed(network, how)
    result = fit(network, train, validation, how, augment=augment, progress=progress, state=state, resume=resume)
    network.load_state_dict({**network.state_dict(), **(narrowed(network, how) or {})})
    return result
