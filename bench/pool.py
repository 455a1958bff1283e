"""Many streams on one core: a pool beside one-by-one runs, and beside a bare run over the same batch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

import rnnedge
from bench.bare import bare_run
from rnnedge.baselines._frame_steps import plain_export
from rnnedge_runtime.contract import Array
from rnnedge_runtime.measure import percentile, side_by_side

ONE_BY_ONE = "session.run, plain export, one by one"
STREAMS = "rnnedge push, one by one"
POOL = "rnnedge pool"
BARE = "bare run_with_iobinding over the batch"


@dataclass(frozen=True)
class PoolCase:
    """An LSTM, how many streams of it there are, and how many times as fast as one by one the pool has to be."""

    input_size: int
    hidden_size: int
    streams: int
    wanted: float

    @property
    def title(self) -> str:
        """As it stands above a table."""
        return f"{self.streams} streams of an LSTM, {self.input_size} features in, {self.hidden_size} units"


@dataclass(frozen=True, eq=False)
class PoolResult:
    """Microseconds to advance all streams by one frame, float64 (calls,), by contender."""

    case: PoolCase
    call_us: dict[str, Array]

    @property
    def gain(self) -> float:
        """How many times as many stream-steps a second the pool makes as one-by-one runs."""
        return self._median(ONE_BY_ONE) / self._median(POOL)

    def rows(self) -> Iterator[tuple[str, float, float, float]]:
        """(contender, microseconds per stream-step, stream-steps per second, ratio to one by one)."""
        for name in self.call_us:
            step_us = self._median(name) / self.case.streams
            yield name, step_us, 1e6 / step_us, self._median(ONE_BY_ONE) / self._median(name)

    def _median(self, name: str) -> float:
        return percentile(self.call_us[name], 50)


def measure(case: PoolCase, folder: Path, rounds: int) -> PoolResult:
    """All contenders in turns on one core, the same frame for every stream.

    The one-by-one runs share a session and even a state, which is in the cache for them: none could be faster.
    """
    torch.manual_seed(0)
    module = nn.LSTM(case.input_size, case.hidden_size, batch_first=True).eval()
    path = folder / f"lstm-{case.hidden_size}.onnx"
    rnnedge.export(module, torch.zeros(1, 4, case.input_size), path)
    model = rnnedge.load(path)
    frame = np.random.default_rng(0).standard_normal((1, case.input_size), np.float32)
    zero = torch.zeros(1, 1, case.hidden_size)
    plain = plain_export(module, (zero, zero), case.input_size, folder / "plain.onnx")
    streams = [model.stream() for _ in range(case.streams)]
    pool = model.pool(case.streams)
    frames = {pool.join(): frame for _ in range(case.streams)}
    calls: dict[str, Callable[[], object]] = {
        ONE_BY_ONE: partial(_each, [plain] * case.streams, frame),
        STREAMS: partial(_each, [stream.push for stream in streams], frame),
        POOL: partial(pool.push, frames),
        BARE: bare_run(path, batch=case.streams),
    }
    with one_core():
        return PoolResult(case, side_by_side(calls, rounds=rounds, calls=10, warmup=2))


def _each(steps: list[Callable[[Array], object]], frame: Array) -> None:
    for step in steps:
        step(frame)


@contextmanager
def one_core() -> Iterator[None]:
    """Stay on one core inside, where the system lets a process choose."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
