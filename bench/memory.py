"""Which cell remembers how far: the adding task at growing lengths, and how far a gradient reaches.

`python -m bench.memory` trains every cell at every length with the same number of updates, and writes
docs/figures/memory.md and docs/figures/memory-gradients.svg.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from time import process_time

import numpy as np
import torch

from bench.gradient_plot import gradient_norms
from bench.pages import FIGURES, publish, table
from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.tasks.memory import MemoryOptions, load_adding
from rnnedge.training import TrainerConfig, evaluate, fit
from rnnedge_runtime.atomic import write_text
from rnnedge_runtime.contract import Array

LENGTHS = (50, 200, 1000)
# Always answering 1 has this error: the variance of the sum of two numbers that are uniform in [0, 1].
CHANCE = 1 / 6
UNITS, BATCH = 32, 20
UPDATES = 1200
CELLS = {
    "Elman, tanh": ("rnn_tanh", "orthogonal"),
    "Elman, relu, identity": ("rnn_relu", "irnn"),
    "LSTM": ("lstm", "chrono"),
    "GRU": ("gru", "chrono"),
    "minGRU": ("mingru", "chrono"),
    "minLSTM": ("minlstm", "chrono"),
    "LRU": ("lru", "chrono"),
}
LEARNING_RATES = {"rnn_tanh": 1e-3, "rnn_relu": 1e-3}
CONFIG = TrainerConfig("mse", epochs=6, batch_size=BATCH, learning_rate=1e-2)


def main() -> None:
    """Train, measure, write."""
    rows, norms = [], {}
    for name, (cell, init) in CELLS.items():
        found, seconds = [], 0.0
        for frames in LENGTHS:
            splits = load_adding(MemoryOptions(frames, UPDATES * BATCH // CONFIG.epochs))
            torch.manual_seed(0)
            layers = 2 if cell in ("mingru", "minlstm", "lru") else 1
            reach_of = frames if init == "chrono" else 0
            network = RecurrentNetwork(
                NetworkConfig(cell, 2, UNITS, 1, layers, output="last", init=init, memory_frames=reach_of)
            )
            if frames == LENGTHS[1]:
                norms[name] = reach(network, splits.test.frames[0])
            started = process_time()
            config = replace(CONFIG, learning_rate=LEARNING_RATES.get(cell, CONFIG.learning_rate))
            fit(network, splits.train, splits.validation, config)
            seconds = process_time() - started
            found.append(evaluate(network, splits.test, config).loss)
        rows.append((name, *map(_cell, found), f"{seconds:.0f}"))
        print(*rows[-1], file=sys.stderr, flush=True)
    heads = ("cell", *(f"{n} frames" for n in LENGTHS), f"CPU seconds at {LENGTHS[-1]}")
    note = (
        f"Mean squared error on the test sequences after {UPDATES} updates of {BATCH} sequences, {UNITS} units (two "
        f"layers for minGRU, minLSTM and LRU), gates that begin with "
        f"memories of up to the length (chrono), one seed; always answering 1 has {CHANCE:.3f}, bold is below a tenth "
        "of it. Computed by `python -m bench.memory`."
    )
    publish("memory.md", table(heads, rows), note)
    write_text(FIGURES / "memory-gradients.svg", gradient_norms(norms))


def reach(network: RecurrentNetwork, frames: Array) -> Array:
    """Norm of the derivative of the last output by each frame, the last frame first (time,), before training."""
    x = torch.from_numpy(frames[None].copy()).requires_grad_()
    y, _ = network(x)
    y.sum().backward()
    assert x.grad is not None
    return np.asarray(x.grad[0].norm(dim=-1).flip(0))


def _cell(error: float) -> str:
    return f"**{error:.4f}**" if error < CHANCE / 10 else f"{error:.4f}"


if __name__ == "__main__":
    main()
