"""What a second thread gains in a pool on the native engine, beside what this machine gives two of them at all.

Usage: python -m bench.pool_threads   (writes docs/figures/pool-threads.md)

"Two halves" are two pools of half the streams, each pushed by a thread of its own that waits for nobody: no way of
sharing the work of one pool could be faster.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import rnnedge
from bench.pages import machine, publish, table, us
from rnnedge import Model

_CASES = ((64, 256, 64), (64, 256, 256), (80, 512, 64), (40, 64, 256))
_TURNS, _PUSHES = 60, 20


def main() -> None:
    """Measure; print and publish."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="rnnedge-threads-") as folder:
        for inputs, hidden, streams in _CASES:
            path = Path(folder) / f"{inputs}-{hidden}.onnx"
            if not path.exists():
                rnnedge.export(nn.LSTM(inputs, hidden, batch_first=True).eval(), torch.zeros(1, 4, inputs), path)
            one, two = (rnnedge.load(path, provider="native", threads=threads) for threads in (1, 2))
            single, shared, limit = _least_us([_pushes(one, streams), _pushes(two, streams), _halves(one, streams)])
            gain, possible = single / shared, single / limit
            words = f"{streams} of LSTM({inputs}, {hidden})"
            rows.append((words, us(single), us(shared), us(limit), f"{gain:.2f}", f"{possible:.2f}"))
    heads = ("streams", "one thread, µs a push", "two threads", "two halves", "gain", "gain of two halves")
    note = f"Least of {_TURNS} turns, by `python -m bench.pool_threads`: {machine('processor', 'cores', 'load')}."
    print(figures := table(heads, rows))
    publish("pool-threads.md", figures, note)


def _pool(model: Model, streams: int) -> tuple[Any, Mapping[Any, Any]]:
    pool, rng = model.pool(streams), np.random.default_rng(0)
    shape = (1, *model.contract.inputs[0].frame_shape)
    return pool, {pool.join(): rng.standard_normal(shape).astype(np.float32) for _ in range(streams)}


def _pushes(model: Model, streams: int) -> Callable[[], None]:
    pool, frames = _pool(model, streams)

    def run() -> None:
        for _ in range(_PUSHES):
            pool.push(frames)

    return run


def _halves(model: Model, streams: int) -> Callable[[], None]:
    halves = [_pushes(model, streams // 2) for _ in range(2)]

    def run() -> None:
        other = threading.Thread(target=halves[1])
        other.start()
        halves[0]()
        other.join()

    return run


def _least_us(runs: list[Callable[[], None]]) -> list[float]:
    """Microseconds of one push, the least of all turns; contenders in turn."""
    least = [float("inf")] * len(runs)
    for _ in range(_TURNS):
        for index, run in enumerate(runs):
            began = time.perf_counter()
            run()
            least[index] = min(least[index], (time.perf_counter() - began) / _PUSHES * 1e6)
    return least


if __name__ == "__main__":
    main()
