"""Fit a network to sequences: Adam, mini-batches, the best state on held-out sequences kept."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from rnnedge.nn import RecurrentNetwork
from rnnedge.training.data import Batch, SequenceData, batches
from rnnedge_runtime.errors import InputError

LOSSES = ("cross_entropy", "mse")
Augment = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class TrainerConfig:
    """How a network learns.

    `learning_rate` is the peak of a one-cycle schedule (Smith & Topin, "Super-convergence", 2018).
    `label_smoothing`: share of the target given to the other classes. `first_frame`: frames before it are not judged,
    they have seen too little.
    `clip_norm` bounds the gradient's norm. `seed` decides the order of the sequences and the noise of `augment`.
    """

    loss: str = "cross_entropy"
    epochs: int = 60
    batch_size: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    first_frame: int = 0
    clip_norm: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        if self.loss not in LOSSES:
            raise ValueError(f"loss: expected one of {', '.join(LOSSES)}, found {self.loss!r}")
        for name in ("epochs", "batch_size", "learning_rate", "clip_norm"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: expected a positive number, found {getattr(self, name)}")


@dataclass(frozen=True)
class Epoch:
    """One pass over the training sequences. `accuracy` is of the held-out sequences, None for "mse"."""

    number: int
    train_loss: float
    validation_loss: float
    accuracy: float | None


@dataclass(frozen=True)
class TrainResult:
    """Every epoch, the number of the one whose weights the network now has, and whether it was interrupted."""

    epochs: tuple[Epoch, ...]
    best: int
    interrupted: bool


def fit(
    network: RecurrentNetwork,
    train: SequenceData,
    validation: SequenceData,
    config: TrainerConfig,
    *,
    augment: Augment | None = None,
    progress: Callable[[Epoch], None] | None = None,
) -> TrainResult:
    """Train `network` in place; at the end it has the weights of the epoch with the least validation loss.

    `augment(x, generator)` returns what to train on instead of x (batch, time, feature); `progress` sees every epoch.
    Deterministic for a seed and a machine. Ctrl-C ends training after the step in progress, with the best weights so
    far. Raises `InputError` where data and network do not fit, or where the loss is no longer finite.
    """
    if train.features != network.config.input_size:
        raise InputError(
            f"data: expected {network.config.input_size} features per frame (the network's input_size), found "
            f"{train.features}"
        )
    order = np.random.default_rng(config.seed)
    noise = torch.Generator().manual_seed(config.seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    steps = -(-len(train) // config.batch_size) * config.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, steps)
    change: Augment = augment or (lambda x, _: x)
    epochs: list[Epoch] = []
    best, weights = 0, copy.deepcopy(network.state_dict())
    interrupted = False
    try:
        for number in range(1, config.epochs + 1):
            loss = 0.0
            for batch in batches(train, config.batch_size, order):
                step = _step(network, replace(batch, x=change(batch.x, noise)), optimizer, config)
                schedule.step()
                loss += step * len(batch.x) / len(train)
            validation_loss, accuracy = evaluate(network, validation, config)
            epochs.append(Epoch(number, loss, validation_loss, accuracy))
            if validation_loss <= min(e.validation_loss for e in epochs):
                best, weights = number, copy.deepcopy(network.state_dict())
            if progress is not None:
                progress(epochs[-1])
    except KeyboardInterrupt:
        interrupted = True
    finally:
        network.load_state_dict(weights)
        network.eval()
    return TrainResult(tuple(epochs), best, interrupted)


def evaluate(network: RecurrentNetwork, data: SequenceData, config: TrainerConfig) -> tuple[float, float | None]:
    """Mean loss per sequence and, for classes, the share of sequences decided right.

    The decision is that of the last frame, which has seen the whole sequence; for a class per frame, all frames count.
    """
    network.eval()
    total, right, decided = 0.0, 0, 0
    with torch.no_grad():
        for batch in batches(data, config.batch_size):
            y = predict(network, batch)
            total += float(_loss(y, batch, config)) * len(batch.x)
            if config.loss == "cross_entropy":
                hits = _decisions(y, batch)
                right, decided = right + int(hits.sum()), decided + hits.numel()
    return total / len(data), right / decided if decided else None


def predict(network: RecurrentNetwork, batch: Batch) -> Tensor:
    """The network on a padded batch: (batch, time, output), or (batch, output) from each sequence's own last frame.

    Padding stands after the real frames, so a causal network never reads it before the frame that counts.
    """
    h, _ = network.hidden(batch.x)
    if network.config.output == "last":
        h = h[torch.arange(len(h)), batch.lengths - 1]
    y: Tensor = network.head(h)
    return y


def _step(network: RecurrentNetwork, batch: Batch, optimizer: torch.optim.Optimizer, config: TrainerConfig) -> float:
    network.train()
    optimizer.zero_grad()
    loss = _loss(predict(network, batch), batch, config)
    if not torch.isfinite(loss):
        raise InputError(
            f"training: the loss is {float(loss.detach())}; lower the learning rate (now {config.learning_rate:g}), or "
            "scale inputs and targets"
        )
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
    optimizer.step()
    return float(loss.detach())


def _loss(y: Tensor, batch: Batch, config: TrainerConfig) -> Tensor:
    """Mean over real frames; a class per sequence is asked of every frame, so that early frames learn to decide too."""
    target = batch.y
    if y.dim() == 3:
        if config.loss == "cross_entropy" and target.dim() == 1:
            target = target[:, None].expand(-1, y.shape[1])
        judged = batch.mask & (
            torch.arange(y.shape[1]) >= torch.clamp(batch.lengths - 1, max=config.first_frame)[:, None]
        )
        y, target = y[judged], target[judged]
    if config.loss == "cross_entropy":
        return nn.functional.cross_entropy(y, target, label_smoothing=config.label_smoothing)
    return nn.functional.mse_loss(y, target.to(y.dtype))


def _decisions(y: Tensor, batch: Batch) -> Tensor:
    if y.dim() == 3 and batch.y.dim() == 1:
        y = y[torch.arange(len(y)), batch.lengths - 1]
    hits = y.argmax(-1) == batch.y
    return hits if hits.dim() == 1 else hits[batch.mask]
