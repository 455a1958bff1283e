"""What a push costs whose size changes from call to call, beside pushes of one size.

Usage: python -m bench.push_sizes   (writes docs/figures/push-sizes.md)

A callback of an audio device brings 128 samples, the network takes 160; a socket brings whatever is there.
"Of one size" is what the calls that run would cost on average, each in a stream of pushes of that size alone.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import rnnedge
from bench.pages import machine, publish, table, us
from rnnedge import Model

_ROUNDS = 80
_PUSHES = 60


class Framed(nn.Module):
    """Frames of 320 samples every 160, and a GRU of 64 units over them."""

    def __init__(self) -> None:
        super().__init__()
        self.frames, self.gru = nn.Conv1d(1, 40, 320, 160), nn.GRU(40, 64, batch_first=True)

    def forward(self, x: Tensor) -> Any:
        """x (batch, samples) -> (batch, frames, 64)."""
        return self.gru(torch.relu(self.frames(x[:, None])).transpose(1, 2))[0]


def main() -> None:
    """Measure; print and publish."""
    rng, rows = np.random.default_rng(0), []
    frames = [("1 and 2 in turn", [1, 2]), ("1 to 9 at random", rng.integers(1, 10, _PUSHES).tolist())]
    samples = [("always 128", [128] * 5), ("1 to 320 at random", rng.integers(1, 320, _PUSHES // 2).tolist())]
    with tempfile.TemporaryDirectory(prefix="rnnedge-sizes-") as folder:
        for name, module, example, mixtures in (
            ("LSTM(40, 64)", nn.LSTM(40, 64, batch_first=True), torch.randn(1, 20, 40), frames),
            ("frames of 160 samples, GRU(40, 64)", Framed(), torch.randn(1, 1600), samples),
        ):
            path = Path(folder) / "net.onnx"
            rnnedge.export(module.eval(), example, path)
            for provider in ("cpu", "native"):
                model = rnnedge.load(path, provider=provider)
                rows += [(name, provider, *row) for row in _rows(model, mixtures)]
    figures = table(("network", "engine", "frames a push", "µs a push", "of one size", "ratio"), rows, words=3)
    note = f"Least of {_ROUNDS} turns, by `python -m bench.push_sizes`: {machine('processor', 'cores', 'load')}."
    print(figures)
    publish("push-sizes.md", figures, note)


def _rows(model: Model, mixtures: Sequence[tuple[str, list[int]]]) -> list[tuple[str, ...]]:
    found = []
    for words, sizes in mixtures:
        calls = _calls(sizes * (_PUSHES // len(sizes)), model.contract.unit)
        alone = {call: _least_us(model, [call]) for call in set(calls) if call}
        single = sum(alone.get(call, 0.0) for call in calls) / len(calls)
        mixed = _least_us(model, sizes)
        found.append((words, us(mixed), us(single), f"{mixed / single:.2f}"))
    return found


def _calls(sizes: Sequence[int], unit: int) -> list[int]:
    """The frames that run with every push; 0 where all of them wait."""
    found, held = [], 0
    for size in sizes:
        held += size
        found.append(held // unit * unit)
        held %= unit
    return found


def _least_us(model: Model, sizes: Sequence[int]) -> float:
    """Microseconds of a push, by the least of several turns of all sizes."""
    stream, port = model.stream(), model.contract.inputs[0]
    shape = tuple(int(dim) for dim in port.frame_shape)
    calls = [np.random.default_rng(0).standard_normal((n, *shape)).astype(port.dtype) for n in sizes]
    calls = calls * max(1, _PUSHES // len(calls))
    least = float("inf")
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        for frames in calls:
            stream.push(frames)
        least = min(least, (time.perf_counter() - began) / len(calls))
    return least * 1e6


if __name__ == "__main__":
    main()
