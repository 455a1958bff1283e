"""One layer, one frame: the native engine beside the hand-written limit and every contender of the peers' table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns

import numpy as np

from bench.native.library import Runner, found
from bench.native.roofline import Blocking, Limit, saved
from bench.peers.harness import Harness, Row, Turns
from bench.peers.problem import Case, Problem, pose
from bench.peers.record import Cell
from bench.peers.roster import BARE, Contender, Source, roster

STREAM, NATIVE, LIMIT = "rnnedge step in place, native engine", "native library, by ctypes", "limit by hand, by ctypes"
_LIBRARY = Source("engine.onnx", "native_engine")
_BEST = Source("limit.json", "limit")
_MINE = (
    Contender(STREAM, "native_engine:in_place", source=_LIBRARY),
    Contender(NATIVE, "native_engine:bare", source=_LIBRARY),
    Contender(LIMIT, "roofline:load", source=_BEST),
)
_BLOCK_US, _BLOCKS = 500.0, 60


@dataclass(frozen=True)
class Layer:
    """What a case gave: rows of everybody called from Python, and from C microseconds a step of limit and library."""

    cell: Cell
    blocking: Blocking
    limit_us: float
    native_us: float

    def us(self, name: str) -> float | None:
        """Median of a contender called from Python, microseconds."""
        return self.cell.p50(name)

    @property
    def best_name(self) -> str:
        """How the engine is called: through `Stream.step` where that is possible."""
        return STREAM if self.us(STREAM) is not None else NATIVE

    def others(self) -> list[Row]:
        """Everybody else that computed in float32, the fastest first."""
        mine = {one.name for one in _MINE}
        rows = [r for r in self.cell.rows.values() if r.contender not in mine and r.p50_us is not None]
        return sorted((r for r in rows if r.precision == "float32"), key=lambda row: row.p50_us or 0.0)


def contenders(all_peers: bool) -> list[Contender]:
    """Mine, and those of the peers' table at equal precision; `all_peers` False: onnxruntime alone."""
    peers = [c for c in roster() if c.precision == "float32" and not c.ours]
    return [*_MINE, *(c for c in peers if all_peers or c.name == BARE)]


def measure(cases: Sequence[Case], turns: Turns, folder: Path, all_peers: bool = True) -> list[Layer]:
    """Everybody in turns on one core, case after case."""
    layers = []
    with Harness(contenders(all_peers), folder) as harness:
        for case in cases:
            problem = pose(case)
            rows = harness.measure(problem, turns, lambda stage, title=case.title: print(f"{title}: {stage}"))  # type: ignore[misc]
            home = folder / case.title.replace(" ", "-").replace(",", "-")
            blocking = saved(home / _BEST.name)
            limit_us, native_us = _from_c(problem, home, blocking, turns.core)
            layers.append(Layer(Cell(case, {row.contender: row for row in rows}), blocking, limit_us, native_us))
    return layers


def _from_c(problem: Problem, home: Path, blocking: Blocking, core: int | None) -> tuple[float, float]:
    """Microseconds a step where C calls it: the limit's, and the library's."""
    path = home / _LIBRARY.name
    limit = Limit(problem, blocking, (home / _BEST.name).with_suffix(".limits"))
    runner = Runner(found(path.read_bytes(), path.with_suffix(".native")))
    times: list[list[float]] = [[], []]
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before if core is None else {core})
    limit.steps(5)
    begun = perf_counter_ns()
    limit.steps(20)
    count = max(2, int(_BLOCK_US / ((perf_counter_ns() - begun) / 20_000)))
    for _ in range(_BLOCKS):
        for block, steps in zip(times, (limit.steps, runner.steps), strict=True):
            # The first brings the weights back into the cache.
            steps(1 + count // 10)
            begun = perf_counter_ns()
            steps(count)
            block.append((perf_counter_ns() - begun) / count / 1000)
    os.sched_setaffinity(0, before)
    limit_us, native_us = (float(np.median(block)) for block in times)
    return limit_us, native_us
