"""Closed loop: push after push, as fast as they go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter_ns

import numpy as np

from rnnedge_runtime.annotated import checked
from rnnedge_runtime.arguments import integer
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.measure.latency import Latency
from rnnedge_runtime.model import Model
from rnnedge_runtime.sample import sample_frames

_DIFFERENT = 64
# Their times are kept.
MOST_PUSHES = 1 << 28


@checked
def measure_latency(model: Model, pushes: int = 5000, warmup: int = 500, seed: int = 0) -> Latency:
    """Stream random frames, one call's worth per push, state carried, and time each push.

    Raises `InputError` for counts below 1.
    """
    if pushes < 1 or warmup < 0:
        raise InputError(f"measure: expected at least one push and no negative warm-up, found {pushes} and {warmup}")
    integer(pushes, "measure: pushes", most=MOST_PUSHES)
    integer(warmup, "measure: warmup", 0, MOST_PUSHES)
    frames, inputs = model.contract.unit, sample_calls(model, seed)
    stream = model.with_context().stream()
    for index in range(warmup):
        stream.push(inputs[index % _DIFFERENT])
    times = np.empty(pushes, np.int64)
    push = stream.push
    for index in range(pushes):
        part = inputs[index % _DIFFERENT]
        start = perf_counter_ns()
        push(part)
        times[index] = perf_counter_ns() - start
    return Latency(times / 1000.0, frames, model.contract.frame_rate_hz)


@checked
def side_by_side(
    contenders: Mapping[str, Callable[[], object]], rounds: int = 40, calls: int = 100, warmup: int = 20
) -> dict[str, Array]:
    """Time every call of several contenders in turns, so that a busy moment of the machine meets all of them.

    Each round gives each contender `warmup` calls untimed, then `calls` timed ones. Returns microseconds per call,
    float64 (rounds * calls,), by name.
    """
    for place, count, least in (("rounds", rounds, 1), ("calls", calls, 1), ("warmup", warmup, 0)):
        integer(count, f"side_by_side: {place}", least, MOST_PUSHES)
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


@checked
def sample_calls(model: Model, seed: int = 0) -> list[Frames]:
    """Random frames for `_DIFFERENT` pushes, one call's worth each."""
    frames = model.contract.unit
    sample = sample_frames(model.contract, _DIFFERENT * frames, seed)
    return [_part(sample, slice(frames * k, frames * (k + 1))) for k in range(_DIFFERENT)]
