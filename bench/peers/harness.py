"""The coordinator's side: one process per contender, prepared, checked, and called in turns."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from bench.peers.problem import Problem
from bench.peers.roster import TOLERANCES, Contender, Source
from bench.peers.worker import reason, redirect, serve
from rnnedge_runtime.contract import Array
from rnnedge_runtime.measure import percentile

_SPAWN = get_context("spawn")
_PREPARE_S, _BURST_S, _FAREWELL_S = 300.0, 60.0, 5.0
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TORCHINDUCTOR_COMPILE_THREADS")


@dataclass(frozen=True)
class Turns:
    """How much is measured: every contender gets `rounds` bursts of `calls` calls, each cut at `burst_ms`."""

    rounds: int
    calls: int
    burst_ms: float
    core: int | None


@dataclass(frozen=True)
class Row:
    """What one contender did with one case: figures, or `skipped` with the reason."""

    contender: str
    precision: str
    p50_us: float | None = None
    p99_us: float | None = None
    max_error: float | None = None
    skipped: str | None = None


class Worker:
    """A contender's process; starts with the first message, and again after it died."""

    def __init__(self, contender: Contender, log: Path) -> None:
        self.contender = contender
        self._log = log
        self._process: Any = None
        self._messages: Any = None

    def ask(self, *message: object, limit_s: float) -> Array | str:
        """The answer, or why there is none."""
        if self._process is None:
            self._messages, theirs = _SPAWN.Pipe()
            self._process = _SPAWN.Process(target=serve, args=(theirs, self.contender, self._log), daemon=True)
            self._process.start()
            theirs.close()
        try:
            self._messages.send(message)
            if self._messages.poll(limit_s):
                answer: Array | str = self._messages.recv()
                return answer
            told = f"no answer within {limit_s:g} s"
        except (EOFError, OSError):
            self._process.join(5)
            told = f"its process ended with code {self._process.exitcode}"
        self.stop()
        return told

    def stop(self) -> None:
        """Close the connection, which ends the process, or end it where it does not listen."""
        if self._process is not None:
            self._messages.close()
            self._process.join(_FAREWELL_S)
            self._process.kill()
            self._process.join()
            self._process = None


class Harness:
    """Holds the processes from the first case to the last; a context manager that ends them."""

    def __init__(self, contenders: Sequence[Contender], folder: Path, jobs: int = 2) -> None:
        self.folder = folder
        self._jobs = jobs
        self._environment: dict[str, str | None] = {}
        logs = folder / "logs"
        self._workers = [Worker(c, logs / f"{i:02}-{c.load.replace(':', '-')}.txt") for i, c in enumerate(contenders)]
        self._writers: ProcessPoolExecutor | None = None

    def __enter__(self) -> Harness:
        self._environment = {name: os.environ.get(name) for name in _ONE_THREAD}
        os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.stop()
        if self._writers is not None:
            self._writers.shutdown(cancel_futures=True)
        for name, before in self._environment.items():
            del os.environ[name]
            if before is not None:
                os.environ[name] = before

    def measure(self, problem: Problem, turns: Turns, say: Callable[[str], None] = lambda _: None) -> list[Row]:
        """Rows in the order of the contenders, every one checked against the problem's expected outputs first."""
        folder = self.folder / problem.case.title.replace(" ", "-").replace(",", "-")
        folder.mkdir(parents=True, exist_ok=True)
        say("writing files")
        missing = self._write(problem, folder)
        say("preparing")
        with ThreadPoolExecutor(self._jobs) as pool:
            prepared = list(pool.map(lambda w: _prepare(w, problem, folder, missing), self._workers))
        errors: dict[str, float] = {}
        skipped: dict[str, str] = {}
        for worker, answer in zip(self._workers, prepared, strict=True):
            contender = worker.contender
            if isinstance(answer, str):
                skipped[contender.name] = answer
                continue
            errors[contender.name] = error = _error(answer, problem.expected)
            if not error <= TOLERANCES[contender.precision]:
                skipped[contender.name] = f"computes something else: largest error {error:.1e}"
        say("measuring")
        taking_part = [w for w in self._workers if w.contender.name not in skipped]
        times = _in_turns(taking_part, turns, skipped)
        return [_row(w.contender, errors, skipped, times) for w in self._workers]

    def _write(self, problem: Problem, folder: Path) -> dict[str, str]:
        """Make every file; returns why some are missing, by name."""
        sources = {w.contender.source.name: w.contender.source for w in self._workers if w.contender.source}
        if self._writers is None:
            self._writers = ProcessPoolExecutor(self._jobs, _SPAWN, initializer=_quiet, initargs=(self.folder,))
        jobs = {s.name: self._writers.submit(_written, s, problem, folder / s.name) for s in sources.values()}
        missing: dict[str, str] = {}
        for name, job in jobs.items():
            try:
                why = job.result()
            except BrokenProcessPool:
                self._writers, why = None, "an exporter ended the process that they share"
            if why is not None:
                missing[name] = why
        return missing


def _written(source: Source, problem: Problem, path: Path) -> str | None:
    try:
        import_module(f"bench.peers.backends.{source.module}").write(problem, path, **source.options)
    # Every library refuses in types of its own.
    except BaseException as error:
        return reason(error)
    return None


def _quiet(folder: Path) -> None:
    redirect(folder / "logs" / "writers.txt")


def _prepare(worker: Worker, problem: Problem, folder: Path, missing: Mapping[str, str]) -> Array | str:
    source = worker.contender.source
    if source is not None and source.name in missing:
        return missing[source.name]
    path = folder / source.name if source else None
    return worker.ask("prepare", problem, path, limit_s=_PREPARE_S)


def _in_turns(workers: Iterable[Worker], turns: Turns, skipped: dict[str, str]) -> dict[str, Array]:
    """Nanoseconds of every call by contender; each round has an order of its own, which is the same in every run."""
    shuffle = random.Random(0).shuffle
    order = list(workers)
    times: dict[str, list[Array]] = {w.contender.name: [] for w in order}
    for _ in range(turns.rounds):
        shuffle(order)
        for worker in list(order):
            answer = worker.ask("burst", turns.calls, int(turns.burst_ms * 1e6), turns.core, limit_s=_BURST_S)
            if isinstance(answer, str):
                skipped[worker.contender.name] = answer
                order.remove(worker)
            else:
                times[worker.contender.name].append(answer)
    return {name: np.concatenate(parts) for name, parts in times.items() if parts}


def _error(found: Array, expected: Array) -> float:
    return float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")


def _row(
    contender: Contender, errors: Mapping[str, float], skipped: Mapping[str, str], times: Mapping[str, Array]
) -> Row:
    name, error = contender.name, errors.get(contender.name)
    if name in skipped:
        return Row(name, contender.precision, max_error=error, skipped=skipped[name])
    p50, p99 = (percentile(times[name], percent) / 1000 for percent in (50, 99))
    return Row(name, contender.precision, p50, p99, error)
