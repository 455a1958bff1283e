"""What pruning by groups brings the native engine, and what it costs a task before and after fine-tuning.

Usage: python -m bench.pruning   (writes docs/figures/pruning.md and docs/figures/pruning-task.md)
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

import rnnedge
from bench.pages import machine, publish, table, us
from rnnedge.recipes import Recipe, find_recipe, finetune_run, train_recipe
from rnnedge.training import pruned
from rnnedge_runtime.stream import Stream

_SHARES = (0.0, 0.5, 0.75, 0.9)
_LAYERS = (("LSTM", 40, 128), ("LSTM", 64, 256), ("LSTM", 80, 512), ("GRU", 80, 512))
_ROUNDS, _STEPS = 30, 50
_EPOCHS, _FINE = 20, 10


def main() -> None:
    """Measure; print and publish."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="rnnedge-pruning-") as folder:
        layers = [row for cell, features, units in _LAYERS for row in _layer(cell, features, units, Path(folder))]
        heads = ("layer", "pruned", "not zero", "a step, µs", "times as fast", "a frame of 100, µs", "error")
        figures = table(heads, layers, words=2)
        print(figures)
        words = (
            f"Native engine, one sequence, least of {_ROUNDS} turns in which all shares take part; the error is the "
            "largest difference from PyTorch with the same zeros. By `python -m bench.pruning`: "
        )
        publish("pruning.md", figures, f"{words}{machine('processor', 'cores', 'load')}.")
        rows = list(_task(find_recipe("speech").changed({"hidden_size": 128}, {"epochs": _EPOCHS}), Path(folder)))
        figures = table(("pruned", "test accuracy, as it was pruned", "after fine-tuning"), rows, words=1)
        print(figures)
        words = (
            f"The task speech, a GRU of 128 units, {_EPOCHS} epochs of training and {_FINE} of fine-tuning, one seed."
        )
        publish("pruning-task.md", figures, f"{words} By `python -m bench.pruning`.")


def _layer(cell: str, features: int, units: int, folder: Path) -> Iterator[tuple[str, ...]]:
    """A row for each share."""
    torch.manual_seed(0)
    module = getattr(nn, cell)(features, units, batch_first=True).eval()
    x = torch.randn(1, 100, features)
    streams, facts = {}, {}
    for share in _SHARES:
        path = folder / f"{cell}-{units}-{share}.onnx"
        found = pruned(module, share) if share else dict(module.named_parameters())
        weights = {name: w.detach() for name, w in found.items()}
        one = getattr(nn, cell)(features, units, batch_first=True).eval()
        one.load_state_dict(weights)
        rnnedge.export(one, x, path)
        stream = rnnedge.load(path, provider="native").stream()
        with torch.no_grad():
            right = functional_call(module, weights, (x,))[0][0].numpy()
        error = float(np.abs(stream.push(x[0].numpy()) - right).max())
        streams[share], facts[share] = stream, (sum(int(w.ne(0).sum()) for w in weights.values()), error)
    steps, pushes = _least(streams, x[0].numpy())
    for share in _SHARES:
        kept, error = facts[share]
        gain = f"{steps[0.0] / steps[share]:.1f}"
        name = f"{cell}({features}, {units})"
        yield name, f"{share:.0%}", f"{kept:,}", us(1e6 * steps[share]), gain, us(1e6 * pushes[share]), f"{error:.0e}"


def _least(streams: dict[float, Stream[np.ndarray]], x: np.ndarray) -> tuple[dict[float, float], dict[float, float]]:
    """Seconds of this process, in turns: of a step, and of a frame in a push."""
    steps, pushes = dict.fromkeys(streams, float("inf")), dict.fromkeys(streams, float("inf"))
    for _ in range(_ROUNDS):
        for share, stream in streams.items():
            began = time.process_time()
            for _ in range(_STEPS):
                stream.step()
            between = time.process_time()
            stream.push(x)
            steps[share] = min(steps[share], (between - began) / _STEPS)
            pushes[share] = min(pushes[share], (time.process_time() - between) / len(x))
    return steps, pushes


def _task(recipe: Recipe, folder: Path) -> Iterator[tuple[str, str, str]]:
    run = train_recipe(recipe, folder / "run")
    yield "0%", f"{run.metrics['test_accuracy']:.1%}", ""
    for share in _SHARES[1:]:
        tuned = finetune_run(recipe, folder / "run", folder / f"run-{share}", prune=share, epochs=_FINE)
        yield f"{share:.0%}", f"{tuned.rounded['test_accuracy']:.1%}", f"{tuned.metrics['test_accuracy']:.1%}"


if __name__ == "__main__":
    main()
