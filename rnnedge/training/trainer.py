"""Fit a network to sequences: Adam, mini-batches, the best state on held-out sequences kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import functional_call

from rnnedge.nn import RecurrentNetwork
from rnnedge.training.data import Batch, SequenceData, batches
from rnnedge.training.quantization import PRECISIONS, fake_quantized
from rnnedge.training.state import Epoch, TrainingState
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
    `precision`: "float32", or the grid, "int8" or "int4", that weights are rounded to whenever the network is used, in
    training and in evaluation; the weights themselves stay float32.
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
    precision: str = "float32"

    def __post_init__(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        if self.loss not in LOSSES:
            raise ValueError(f"loss: expected one of {', '.join(LOSSES)}, found {self.loss!r}")
        if self.precision not in ("float32", *PRECISIONS):
            raise ValueError(f"precision: expected one of float32, {', '.join(PRECISIONS)}, found {self.precision!r}")
        for name in ("epochs", "batch_size", "learning_rate", "clip_norm"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: expected a positive number, found {getattr(self, name)}")


@dataclass(frozen=True)
class TrainResult:
    """Every epoch, the number of the one whose weights the network now has, and whether it was interrupted.

    `best` is 0 where no epoch was better than the weights at the start, whose validation loss is `start_loss`.
    """

    epochs: tuple[Epoch, ...]
    best: int
    interrupted: bool
    start_loss: float


def fit(
    network: RecurrentNetwork,
    train: SequenceData,
    validation: SequenceData,
    config: TrainerConfig,
    *,
    augment: Augment | None = None,
    progress: Callable[[Epoch], None] | None = None,
    state: Path | None = None,
    resume: bool = False,
) -> TrainResult:
    """Train `network` in place; at the end it has the weights of the epoch with the least validation loss.

    `augment(x, generator)` returns what to train on instead of x (batch, time, feature); `progress` sees every epoch.
    `state`: a file that the whole state of the training is written to, before the first epoch and after every one; with
    `resume` the training goes on from there, given the same arguments, and ends as it would have without the
    interruption. The file is left for the caller to delete, once the network is in safety.

    Deterministic for a machine, a seed, and torch's own seed, which decides dropout. Ctrl-C ends training after the
    step in progress, with the best weights so far.

    Raises `InputError` where data and network do not fit, where there is no training to go on with, or where the loss
    is no longer finite; `ModelRefused` where the file of the training is damaged.
    """
    if train.features != network.config.input_size:
        raise InputError(
            f"data: expected {network.config.input_size} features per frame (the network's input_size), found "
            f"{train.features}"
        )
    if resume and state is None:
        raise ValueError("resume: expected a state to go on from, found None")
    training = TrainingState(network, train, config, evaluate(network, validation, config)[0])
    change: Augment = augment or (lambda x, _: x)
    interrupted = False
    try:
        if state is not None:
            if resume:
                training.load(state)
            else:
                training.save(state)
        for number in range(len(training.epochs) + 1, config.epochs + 1):
            loss = 0.0
            for batch in batches(train, config.batch_size, training.order):
                noisy = replace(batch, x=change(batch.x, training.noise))
                step = _step(network, noisy, training.optimizer, config)
                training.schedule.step()
                loss += step * len(batch.x) / len(train)
            training.close(Epoch(number, loss, *evaluate(network, validation, config)))
            if state is not None:
                training.save(state)
            if progress is not None:
                progress(training.epochs[-1])
    except KeyboardInterrupt:
        interrupted = True
    finally:
        network.load_state_dict(training.weights)
        network.eval()
    return TrainResult(tuple(training.epochs), training.best, interrupted, training.start_loss)


def evaluate(network: RecurrentNetwork, data: SequenceData, config: TrainerConfig) -> tuple[float, float | None]:
    """Mean loss per sequence and, for classes, the share of sequences decided right.

    The decision is that of the last frame, which has seen the whole sequence; for a class per frame, all frames count.
    """
    network.eval()
    total, right, decided = 0.0, 0, 0
    with torch.no_grad():
        for batch in batches(data, config.batch_size):
            y = predict(network, batch, config.precision)
            total += float(_loss(y, batch, config)) * len(batch.x)
            if config.loss == "cross_entropy":
                hits = _decisions(y, batch)
                right, decided = right + int(hits.sum()), decided + hits.numel()
    return total / len(data), right / decided if decided else None


def predict(network: RecurrentNetwork, batch: Batch, precision: str = "float32") -> Tensor:
    """The network on a padded batch: (batch, time, output), or (batch, output) from each sequence's own last frame.

    Padding stands after the real frames, so a causal network never reads it before the frame that counts.
    """
    forward = _Forward(network)
    if precision == "float32":
        y: Tensor = forward(batch)
    else:
        y = functional_call(forward, fake_quantized(forward, precision), (batch,))
    return y


class _Forward(nn.Module):
    """A network on a batch, as a module: the kind of function whose parameters torch can exchange for a call."""

    def __init__(self, network: RecurrentNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> Tensor:
        h, _ = self.network.hidden(batch.x)
        if self.network.config.output == "last":
            h = h[torch.arange(len(h)), batch.lengths - 1]
        y: Tensor = self.network.head(h)
        return y


def _step(network: RecurrentNetwork, batch: Batch, optimizer: torch.optim.Optimizer, config: TrainerConfig) -> float:
    network.train()
    optimizer.zero_grad()
    loss = _loss(predict(network, batch, config.precision), batch, config)
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
