"""What rounding costs a trained network, and what fine-tuning gives back; writes docs/figures/quantization.md.

Every network is trained in float32, then

- rounded: its weights put on the grid of the precision,
- fine-tuned for the precision,
- trained on in float32 for as many epochs as the fine-tuning took, then rounded: what more training alone would give.

Judged on sequences that none of them has seen, as the mean over `SEEDS`. Two tasks: recorded speech, where a decision
is right or wrong, and a memory, where the output is the input of four frames ago and every error shows.

Usage: python -m bench.quantization
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch

from bench.pages import publish, table
from rnnedge.baselines._frame_steps import one_torch_thread
from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.recipes import find_recipe
from rnnedge.tasks import speech
from rnnedge.training import SequenceData, TrainerConfig, evaluate, finetune, fit
from rnnedge.training._trainer import Augment
from rnnedge.training.finetuning import EPOCHS, LEARNING_RATE
from rnnedge.training.quantization import PRECISIONS

SEEDS = (0, 1, 2)
SPEECH_UNITS = (64, 32, 16)
MEMORY_CELLS = ("gru", "lstm", "rnn_tanh")
_FEATURES, _AGO, _FRAMES = 2, 4, 24


@dataclass(frozen=True, eq=False)
class Task:
    """Data, how a network learns it, and the network."""

    name: str
    train: SequenceData
    held_out: SequenceData
    test: SequenceData
    config: TrainerConfig
    learning_rate: float
    network: NetworkConfig
    augment: Augment | None = None


@dataclass(frozen=True)
class Figures:
    """Mean test loss, and accuracy where there is one, of float32, rounded, fine-tuned, and trained on."""

    task: Task
    precision: str
    losses: tuple[float, ...]
    accuracies: tuple[float, ...] | None

    def row(self) -> tuple[str, ...]:
        """A row of the table."""
        if self.accuracies is None:
            cells = [f"{loss:.4f}" for loss in self.losses]
        else:
            cells = [f"{a:.1%}, {loss:.3f}" for a, loss in zip(self.accuracies, self.losses, strict=True)]
        return self.task.name, self.precision, *cells


def main() -> None:
    """Measure, print and publish."""
    figures = []
    with one_torch_thread():
        for task in tasks():
            print(f"measuring {task.name}", file=sys.stderr)
            figures += measure(task)
            for one in figures[-len(PRECISIONS) :]:
                print(*one.row(), flush=True)
    heads = ("network", "precision", "float32", "rounded", "fine-tuned", "as long in float32, then rounded")
    note = (
        f"Test accuracy and loss (speech, 370 utterances), mean squared error (memory); means over {len(SEEDS)} seeds, "
        f"{EPOCHS} epochs of fine-tuning. Computed by `python -m bench.quantization`."
    )
    publish("quantization.md", table(heads, (one.row() for one in figures), words=2), note)


def tasks() -> Iterator[Task]:
    """Speech with networks of several sizes, and a memory with several cells."""
    splits, config = speech.load(), find_recipe("speech").training
    train = splits.train
    mean, std = train.statistics()
    for units in SPEECH_UNITS:
        network = NetworkConfig("gru", train.features, units, len(train.labels), dropout=0.3, mean=mean, std=std)
        name = f"speech, GRU of {units} units"
        noise = speech.noise(train)
        yield Task(name, train, splits.validation, splits.test, config, LEARNING_RATE, network, noise)
    config = TrainerConfig(loss="mse", epochs=60, learning_rate=1e-2)
    for cell in MEMORY_CELLS:
        network = NetworkConfig(cell, _FEATURES, 32, _FEATURES)
        data = [memory(seed, count) for seed, count in ((1, 256), (2, 64), (3, 256))]
        yield Task(f"memory, {cell.partition('_')[0].upper()} of 32 units", *data, config, 3 * LEARNING_RATE, network)


def memory(seed: int, count: int) -> SequenceData:
    """Noise in, the noise of four frames ago out."""
    x = np.random.default_rng(seed).standard_normal((count, _FRAMES, _FEATURES)).astype(np.float32)
    y = np.zeros_like(x)
    y[:, _AGO:] = x[:, :-_AGO]
    return SequenceData(tuple(x), tuple(y))


def measure(task: Task) -> list[Figures]:
    """Figures of every precision."""
    found: dict[str, list[list[tuple[float, float | None]]]] = {precision: [] for precision in PRECISIONS}
    for seed in SEEDS:
        torch.manual_seed(seed)
        trained = RecurrentNetwork(task.network)
        fit(trained, task.train, task.held_out, replace(task.config, seed=seed), augment=task.augment)
        short = replace(task.config, seed=seed, epochs=EPOCHS, learning_rate=task.learning_rate)
        trained_on = deepcopy(trained)
        torch.manual_seed(seed)
        fit(trained_on, task.train, task.held_out, short, augment=task.augment)
        for precision in PRECISIONS:
            tuned, rounded = deepcopy(trained), replace(short, precision=precision)
            torch.manual_seed(seed)
            finetune(tuned, task.train, task.held_out, short, precision, augment=task.augment)
            contenders = [(trained, short), (trained, rounded), (tuned, rounded), (trained_on, rounded)]
            judged = [evaluate(network, task.test, config) for network, config in contenders]
            found[precision].append([(one.loss, one.accuracy) for one in judged])
    return [_figures(task, precision, seeds) for precision, seeds in found.items()]


def _figures(task: Task, precision: str, seeds: list[list[tuple[float, float | None]]]) -> Figures:
    means = np.array(seeds, float).mean(axis=0)
    accuracies = None if np.isnan(means[:, 1]).any() else tuple(means[:, 1].tolist())
    return Figures(task, precision, tuple(means[:, 0].tolist()), accuracies)


if __name__ == "__main__":
    main()
