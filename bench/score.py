"""How much faster `rnnedge score` reads an archive than a pool of processes around `session.run`.

Usage: python -m bench.score [RECORDINGS] [FRAMES]   (takes less than a minute; prints medians of interleaved rounds)
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from rnnedge.live.scoring import ScoreOptions, score_archive
from rnnedge_runtime import load

_ROUNDS = 3
_session: Any = None
_contract: Any = None


def main(recordings: int = 400, frames: int = 3000) -> None:
    """Make a network and an archive, measure both ways, print the ratio."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model, paths = network(folder), _archive(folder, recordings, frames)
        ways = {"session.run in 2 processes": partial(_baseline, model, paths)}
        for workers in (1, 2):
            ways[f"score, {workers} workers"] = partial(_score, model, paths, folder, workers)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(_ROUNDS):
            for name, way in ways.items():
                taken[name].append(way())
    base = statistics.median(taken["session.run in 2 processes"])
    for name, seconds in taken.items():
        rate = recordings * frames / statistics.median(seconds)
        print(f"{name:28} {rate / 1000:8.0f} thousand frames a second  {base / statistics.median(seconds):5.2f}x")


def network(folder: Path) -> Path:
    """Export an LSTM(40, 64) with four scores into the folder."""
    import torch

    import rnnedge

    class Net(torch.nn.Module):
        """LSTM(40, 64) and a linear layer."""

        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = torch.nn.LSTM(40, 64, batch_first=True), torch.nn.Linear(64, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """(batch, time, 40) -> (batch, time, 4)."""
            return self.head(self.lstm(x)[0])

    rnnedge.export(Net(), torch.zeros(1, 20, 40), folder / "net.onnx")
    return folder / "net.onnx"


def _archive(folder: Path, recordings: int, frames: int) -> list[str]:
    """Lengths differ by a few frames, as those of an archive do that were cut by hand."""
    random = np.random.default_rng(0)
    for i in range(recordings):
        length = frames - int(random.integers(0, frames // 10))
        np.save(folder / f"{i:04}.npy", random.standard_normal((length, 40)).astype(np.float32))
    return sorted(map(str, folder.glob("*.npy")))


def _score(model: Path, paths: list[str], folder: Path, workers: int) -> float:
    begin = time.perf_counter()
    score_archive(model, paths, folder / "scores.csv", ScoreOptions(workers=workers))
    return time.perf_counter() - begin


def _baseline(model: Path, paths: list[str]) -> float:
    begin = time.perf_counter()
    with ProcessPoolExecutor(2, get_context("spawn"), _begin, (str(model),)) as pool:
        list(pool.map(_run, paths, chunksize=16))
    return time.perf_counter() - begin


def _begin(model: str) -> None:
    from rnnedge_runtime.engines.onnx_runtime import onnxruntime

    global _session, _contract
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    _session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    _contract = load(model).contract


def _run(path: str) -> list[float]:
    port = _contract.inputs[0]
    states = {s.input: np.zeros([1 if isinstance(d, str) else d for d in s.shape], s.dtype) for s in _contract.states}
    frames = np.expand_dims(np.load(path), port.batch_axis)
    (found, *_) = _session.run([_contract.outputs[0].name], {port.name: frames, **states})
    return [float(value) for value in found.reshape(-1, 4).mean(axis=0)]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
