"""Many sequences on one core: a program for a block of them beside one-by-one runs, and beside what could be had."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bench.native.bounds import flop_per_ns
from bench.native.graph import Reference, frames, session, step_file
from bench.native.library import Runner, compiled
from rnnedge_runtime.contract import Array
from rnnedge_runtime.measure import percentile, side_by_side

_BLOCKS = (16, 32, 64)


@dataclass(frozen=True)
class Pool:
    """An LSTM, how many streams of it there are, and how many times as fast as one by one a pool has to be."""

    input_size: int
    hidden_size: int
    streams: int
    wanted: float

    @property
    def title(self) -> str:
        """As it stands in a table."""
        return f"{self.streams} LSTM({self.input_size}, {self.hidden_size})"

    @property
    def flop(self) -> int:
        """Multiplications and additions of the products of all streams."""
        return 2 * self.streams * 4 * self.hidden_size * (self.input_size + self.hidden_size)


@dataclass(frozen=True, eq=False)
class Gains:
    """Microseconds that all streams need for a step, by contender, and the least that the products alone could need."""

    pool: Pool
    times: dict[str, Array]
    errors: dict[str, float]
    bound_us: float

    def us(self, name: str) -> float:
        """Median of one contender."""
        return percentile(self.times[name], 50)


ONE_BY_ONE = "session.run, one by one"
BOUND = "onnxruntime, bare pre-bound, one by one"
SINGLE = "native library, one by one"


def measure(pool: Pool, folder: Path, rounds: int) -> Gains:
    """All contenders in turns on the core of this process."""
    torch.manual_seed(0)
    module = nn.LSTM(pool.input_size, pool.hidden_size, batch_first=True).eval()
    data = step_file(module, torch.zeros(1, 4, pool.input_size))
    name = f"pool-{pool.hidden_size}"
    libraries = {block: compiled(data, folder / f"{name}-{block}", block) for block in _BLOCKS}
    blocks = {b: [Runner(library, 1) for _ in range(pool.streams // b)] for b, library in libraries.items()}
    lone = [Runner(libraries[_BLOCKS[0]]) for _ in range(pool.streams)]
    reference = Reference(libraries[_BLOCKS[0]], data)
    plain = session(data)
    given = frames(lone[0], 1)[0]
    feed = {**given, **{k: v.copy() for k, v in reference.states.items()}}

    def one_by_one() -> None:
        for _ in range(pool.streams):
            plain.run(None, feed)

    def bound() -> None:
        for _ in range(pool.streams):
            reference.step()

    errors = {f"native library, blocks of {b}": _error(runners, lone) for b, runners in blocks.items()}
    calls = {ONE_BY_ONE: one_by_one, BOUND: bound, SINGLE: _all(lone)}
    calls |= {f"native library, blocks of {b}": _all(runners) for b, runners in blocks.items()}
    times = side_by_side(calls, rounds=rounds, calls=3, warmup=1)
    return Gains(pool, times, errors, pool.flop / flop_per_ns(folder) / 1000)


def _all(runners: list[Runner]):  # type: ignore[no-untyped-def]
    calls = [runner.call for runner in runners]

    def step() -> None:
        for run, call in calls:
            run(call)

    return step


def _error(runners: list[Runner], lone: list[Runner], steps: int = 20) -> float:
    """Largest difference between the first block and as many single streams."""
    (given,), (found,) = runners[0].inputs.values(), runners[0].outputs.values()
    rng, worst = np.random.default_rng(1), 0.0
    singles = lone[: given.shape[0]]
    for runner in (*singles, runners[0]):
        runner.put({name: np.zeros_like(value) for name, value in runner.states().items()})
    for _ in range(steps):
        given[...] = rng.standard_normal(given.shape, np.float32)
        runners[0].step()
        for k, runner in enumerate(singles):
            next(iter(runner.inputs.values()))[0] = given[k]
            runner.step()
            worst = max(worst, float(np.abs(next(iter(runner.outputs.values()))[0] - found[k]).max()))
    return worst
