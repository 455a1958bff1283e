"""Fit a network to sequences: update after update, epoch after epoch, the best weights on held-out sequences kept."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rnnedge.nn import RecurrentNetwork
from rnnedge.training._compatibility import check
from rnnedge.training._config import TrainerConfig
from rnnedge.training._data import SequenceData
from rnnedge.training._defaults import settled
from rnnedge.training._epoch import Epoch
from rnnedge.training._evaluation import evaluate
from rnnedge.training._objective import Objective, judged_count
from rnnedge.training._state import TrainingState
from rnnedge.training._stateful_batches import lanes
from rnnedge.training._tbptt import Window, batches, cut
from rnnedge.training.distributed import processes, reseed, shared, summed
from rnnedge_export.torch_threads import worthwhile_threads
from rnnedge_runtime.annotated import checked
from rnnedge_runtime.errors import InputError

Augment = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class TrainResult:
    """Every epoch, the number of the one whose weights the network now has, and whether it was interrupted.

    `best` is 0 where no epoch was better than the weights at the start, whose validation loss is `start_loss`.
    """

    epochs: tuple[Epoch, ...]
    best: int
    interrupted: bool
    start_loss: float


class Diverged(InputError):
    """Loss or gradient are no longer finite. `result` is what was reached before; the network has those weights."""

    result: TrainResult


@checked
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

    In a group of processes (`rnnedge.training.distributed`) all of them call this with the same arguments; the first
    one writes `state` and calls `progress`.

    Raises `InputError` where data and network do not fit, or if there is no training to go on with; `Diverged` where
    loss or gradient are no longer finite, after the best weights are in place; `ModelRefused` where the file of the
    training is damaged.
    """
    config = settled(config, train)
    check(network.config, train, config, "training data")
    check(network.config, validation, replace(config, stateful=False), "validation data")
    if resume and state is None:
        raise InputError("resume: expected a state to go on from, found None")
    network.to(config.device)
    first = processes().rank == 0
    training = TrainingState(network, train, config, evaluate(network, validation, config).loss)
    learner = _Learner(training, network, config, augment)
    interrupted, broken = False, None
    try:
        if state is not None and resume:
            training.load(state)
        elif state is not None and first:
            training.save(state)
        while len(training.epochs) < config.epochs and not _patience_is_over(training, config):
            with worthwhile_threads(network, config.batch_size):
                found = learner.epoch(train, validation)
            training.close(found)
            if first and progress is not None:
                progress(training.epochs[-1])
            if first and state is not None:
                training.save(state)
    except KeyboardInterrupt:
        interrupted = True
    except Diverged as error:
        broken = error
    finally:
        network.load_state_dict(training.weights)
        network.to("cpu").eval()
    result = TrainResult(tuple(training.epochs), training.best, interrupted, training.start_loss)
    if broken is not None:
        broken.result = result
        raise broken
    return result


class _Learner:
    """What happens within an epoch. Lives as long as `fit` runs."""

    def __init__(
        self, training: TrainingState, network: RecurrentNetwork, config: TrainerConfig, augment: Augment | None
    ) -> None:
        self.training = training
        self.network = network
        self.config = config
        self.augment = augment
        self.objective = shared(Objective(network, config))
        # Windows that the gradient of the next update still goes through, and the states before each of them.
        self.past: deque[Window] = deque(maxlen=config.windows_back)
        self.states: deque[Any] = deque(maxlen=config.windows_back)
        self.state: Any = None

    def epoch(self, train: SequenceData, validation: SequenceData) -> Epoch:
        """Train on every sequence once, then judge."""
        number, started = len(self.training.epochs) + 1, time.perf_counter()
        reseed(self.config.seed, number)
        self.network.train()
        total, count = torch.zeros((), dtype=torch.float64), 0
        norms: list[Tensor] = []
        for windows in self._passes(train):
            for window in windows:
                judged = judged_count(window, self.config)
                loss = self._update(window, judged, f"epoch {number}, step {len(norms) + 1}", norms)
                total += loss
                count += judged
            self.training.schedule.step()
        found = torch.stack(norms)
        judgement = evaluate(self.network, validation, self.config)
        return Epoch(
            number,
            float(summed(total)) / max(count, 1),
            judgement.loss,
            dict(judgement.metrics),
            float(found.mean()),
            float(found.max()),
            float((found > self.config.clip_norm).float().mean()),
            judgement.dead,
            float(self.training.schedule.get_last_lr()[0]),
            time.perf_counter() - started,
        )

    def _passes(self, train: SequenceData) -> Iterator[Iterator[Window]]:
        """What the learning rate moves by: a batch of sequences as windows in time, or one window of lanes."""
        order = self.training.order
        if self.config.stateful:
            for window in lanes(train, self.network, self.config, order):
                yield iter((self._augmented(window),))
        else:
            for batch in batches(train, self.network, self.config, order):
                yield cut(self._augmented(batch), self.config.k1, self.network)

    def _augmented(self, window: Window) -> Window:
        return window if self.augment is None else replace(window, x=self.augment(window.x, self.training.noise))

    def _update(self, whole: Window, judged: int, place: str, norms: list[Tensor]) -> float:
        """One step of the optimizer; returns this process's share of the sum of losses."""
        window = whole.rows(processes().rows).to(self.config.device)
        if bool(whole.fresh.all()):
            self.past.clear()
            self.states.clear()
            self.state = None
        self.past.append(window)
        self.states.append(self.state)
        if not judged:
            with torch.no_grad():
                _, self.state = Objective.forward(_bare(self.objective), [window], self.state)
            return 0.0
        optimizer = self.training.optimizer
        optimizer.zero_grad()
        loss, self.state = self.objective(list(self.past), self.states[0])
        (loss / judged * processes().world).backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_norm).detach()
        if not bool(torch.isfinite(summed(loss))) or not bool(torch.isfinite(norm)):
            raise Diverged(
                f"training: {place}: the loss is {float(loss.detach()) / judged:g}, the norm of its gradient {norm:g}; "
                f"lower the learning rate (now {optimizer.param_groups[0]['lr']:g}), or scale inputs and targets"
            )
        optimizer.step()
        norms.append(norm.cpu())
        return float(loss.detach())


def _bare(module: nn.Module) -> Any:
    return module.module if isinstance(module, nn.parallel.DistributedDataParallel) else module


def _patience_is_over(training: TrainingState, config: TrainerConfig) -> bool:
    return 0 < config.patience <= len(training.epochs) - training.best
