"""Latency per push on this machine, and what a fresh process pays before its first frame."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np

from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError, RnnEdgeError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.model import Model
from rnnedge_runtime.sample import sample_frames

PERCENTILES = (50.0, 90.0, 99.0, 99.9)


@dataclass(frozen=True, eq=False)
class Latency:
    """Time of every push in the order they were made, microseconds, float64 (pushes,).

    `frames_per_push` is 1, or the chunk of a fixed-chunk file; `frame_rate_hz` is the file's own.
    """

    push_us: Array
    frames_per_push: int
    frame_rate_hz: float | None

    def percentile_us(self, percent: float) -> float:
        """The time within which `percent` of the pushes ended."""
        return percentile(self.push_us, percent)

    @property
    def max_us(self) -> float:
        """The slowest push."""
        return float(self.push_us.max())

    @property
    def mean_us(self) -> float:
        """The average push."""
        return float(self.push_us.mean())

    @property
    def real_time_factor(self) -> float | None:
        """Time spent over time of signal: below 1 keeps up. None where the file states no frame rate."""
        if self.frame_rate_hz is None:
            return None
        return self.mean_us * 1e-6 * self.frame_rate_hz / self.frames_per_push

    def summary(self) -> dict[str, float | int | None]:
        """The figures as plain data."""
        percentiles = {f"p{p:g}_us": self.percentile_us(p) for p in PERCENTILES}
        return {
            "pushes": len(self.push_us),
            "frames_per_push": self.frames_per_push,
            **percentiles,
            "max_us": self.max_us,
            "mean_us": self.mean_us,
            "real_time_factor": self.real_time_factor,
        }


@dataclass(frozen=True)
class ColdStart:
    """A fresh process: time to import the runtime, load the file, and get the first frame out; peak resident memory."""

    import_ms: float
    load_ms: float
    first_push_ms: float
    peak_rss_mb: float | None


def percentile(values: Array, percent: float) -> float:
    """The smallest measured value that `percent` of all do not exceed; never one between two measured ones."""
    return float(np.percentile(values, percent, method="higher"))


def measure_latency(model: Model, pushes: int = 5000, warmup: int = 500, seed: int = 0) -> Latency:
    """Stream random frames, one call's worth per push, state carried, and time each push.

    Raises `InputError` for counts below 1.
    """
    if pushes < 1 or warmup < 0:
        raise InputError(f"measure: expected at least one push and no negative warm-up, found {pushes} and {warmup}")
    frames = model.contract.unit
    sample = sample_frames(model.contract, 64 * frames, seed)
    inputs = [_part(sample, slice(frames * k, frames * (k + 1))) for k in range(64)]
    stream = model.stream()
    for index in range(warmup):
        stream.push(inputs[index % 64])
    times = np.empty(pushes, np.int64)
    push = stream.push
    for index in range(pushes):
        part = inputs[index % 64]
        start = perf_counter_ns()
        push(part)
        times[index] = perf_counter_ns() - start
    return Latency(times / 1000.0, frames, model.contract.frame_rate_hz)


def side_by_side(
    contenders: Mapping[str, Callable[[], object]], rounds: int = 40, calls: int = 100, warmup: int = 20
) -> dict[str, Array]:
    """Time every call of several contenders in turns, so that a busy moment of the machine meets all of them.

    Each round gives each contender `warmup` calls untimed, then `calls` timed ones. Returns microseconds per call,
    float64 (rounds * calls,), by name.
    """
    times = {name: np.empty((rounds, calls), np.int64) for name in contenders}
    for turn in range(rounds):
        for name, call in contenders.items():
            row = times[name][turn]
            for _ in range(warmup):
                call()
            for index in range(calls):
                start = perf_counter_ns()
                call()
                row[index] = perf_counter_ns() - start
    return {name: rows.reshape(-1) / 1000.0 for name, rows in times.items()}


def _part(frames: Frames, time: slice) -> Frames:
    return {name: a[time] for name, a in frames.items()} if isinstance(frames, dict) else frames[time]


def cold_start(path: str | os.PathLike[str], provider: str = "cpu", trust: str | None = None) -> ColdStart:
    """Start a fresh interpreter that imports, loads and pushes once.

    Raises `RnnEdgeError` with its last words where that process fails.
    """
    command = [sys.executable, "-c", _FRESH, os.fspath(path), provider, *([trust] if trust else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = done.stderr.strip().splitlines() or ["no message"]
        raise RnnEdgeError(f"cold start: a fresh process failed with exit code {done.returncode}: {words[-1]}")
    return ColdStart(**json.loads(done.stdout))


_FRESH = """
import json, sys
from time import perf_counter
start = perf_counter()
import rnnedge_runtime
imported = perf_counter()
model = rnnedge_runtime.load(sys.argv[1], provider=sys.argv[2], trust=(sys.argv[3:] or [None])[0])
loaded = perf_counter()
from rnnedge_runtime.sample import sample_frames
frames = sample_frames(model.contract, model.contract.unit)
before = perf_counter()
model.stream().push(frames)
done = perf_counter()
try:
    # Not ru_maxrss, which on Linux begins at what the parent held when it forked.
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024
except (OSError, StopIteration):
    try:
        import resource
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1048576 if sys.platform == "darwin" else 1024)
    except ImportError:
        peak = None
print(json.dumps({"import_ms": (imported - start) * 1e3, "load_ms": (loaded - imported) * 1e3,
                  "first_push_ms": (done - before) * 1e3, "peak_rss_mb": peak}))
"""
