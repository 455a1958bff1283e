"""A contender's own process: it loads one problem after another, and times short bursts of calls when asked to.

Messages come as tuples, and each has one answer: an array, or a string that says why not.
"""

from __future__ import annotations

import gc
import os
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np

from bench.peers.problem import Problem, Step
from bench.peers.roster import Contender
from rnnedge_runtime.contract import Array

_WARMUP_CALLS = 20


def serve(messages: Connection, contender: Contender, log: Path) -> None:
    """Answer until the connection ends.

    `("prepare", problem, path)` -> outputs of the problem's frames, float32 (frames, hidden_size).
    `("burst", calls, limit_ns, core)` -> int64 (calls,), nanoseconds of each; fewer calls where the limit comes first.
    """
    redirect(log)
    free = _cores()
    step: Step | None = None
    frames: list[Array] = []
    with suppress(EOFError, KeyboardInterrupt):
        while True:
            what, *given = messages.recv()
            answer: Array | str
            try:
                if what == "prepare":
                    _pin(free)
                    # The one before is let go first: two of the largest need not fit.
                    step = None
                    problem, path = given
                    step = load(contender, problem, path)
                    frames = [frame[None].copy() for frame in problem.frames]
                    answer = _outputs(step, frames)
                    gc.collect()
                else:
                    assert step is not None
                    calls, limit_ns, core = given
                    _pin(free if core is None else {core})
                    answer = burst(step, frames, calls, limit_ns)
            # Whatever a library raises, a Rust panic among it, is the reason that stands in the table.
            except BaseException as error:
                step, answer = None, reason(error)
            messages.send(answer)


def load(contender: Contender, problem: Problem, path: Path | None) -> Step:
    """The function of a frame, ready to be called."""
    module, _, name = contender.load.partition(":")
    step: Step = getattr(import_module(f"bench.peers.backends.{module}"), name)(problem, path, **contender.options)
    return step


def burst(step: Step, frames: list[Array], calls: int, limit_ns: int) -> Array:
    """Time each of `calls` calls after a few untimed ones, without garbage collection."""
    count = len(frames)
    for index in range(_WARMUP_CALLS):
        step(frames[index % count])
    times = np.empty(calls, np.int64)
    gc.disable()
    try:
        began = perf_counter_ns()
        for index in range(calls):
            frame = frames[index % count]
            start = perf_counter_ns()
            step(frame)
            end = perf_counter_ns()
            times[index] = end - start
            if end - began > limit_ns:
                return times[: index + 1].copy()
    finally:
        gc.enable()
    return times


def reason(error: BaseException) -> str:
    """One short line that a table can hold."""
    if isinstance(error, ModuleNotFoundError):
        return f"not installed: no module {error.name}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[0][:160].replace("|", "/")


def _outputs(step: Step, frames: list[Array]) -> Array:
    return np.stack([np.array(step(frame), np.float32).reshape(-1) for frame in frames])


def redirect(log: Path) -> None:
    """Libraries write to the file descriptors themselves, and the table's command has its own to say there."""
    log.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)


def _cores() -> Any:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


def _pin(cores: Any) -> None:
    """All threads of this process, those of the libraries too, run on these cores from now on."""
    if cores is None:
        return
    for thread in Path("/proc/self/task").iterdir():
        # One that ended meanwhile needs no core.
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), cores)
