"""How many paced streams this machine holds: doubling until some are late, then bisection.

Streams arrive evenly spread over a period. Solo, each is pushed by itself as it arrives, one thread for all of them;
pooled, all of them advance together once in a period. A number of streams is held where no more than `allowed` of the
pushes end after their deadline, in the best of three trials: a busy moment of the machine is not the model's limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnedge_runtime.errors import InputError, RnnEdgeError
from rnnedge_runtime.measure._closed_loop import sample_calls
from rnnedge_runtime.measure.open_loop import pace
from rnnedge_runtime.model import Model

_SECONDS, _LEAST_PERIODS = 0.6, 12
_TRIALS = 3
_MOST = 1 << 16
Trial = Callable[[int], float]


@dataclass(frozen=True)
class Capacity:
    """The largest number of streams that is held, within a thirty-second part; 0 where not even one is.

    `pooled` is None for a file that cannot be pooled. `allowed` is the share of pushes that may miss.
    """

    solo: int
    pooled: int | None
    rate_hz: float
    deadline_us: float
    allowed: float


def measure_capacity(
    model: Model, *, rate_hz: float | None = None, deadline_us: float | None = None, allowed: float = 0.001
) -> Capacity:
    """Find the largest numbers; `rate_hz` in frames per second of each stream, the file's own by default.

    Raises `InputError` where neither states a rate.
    """
    rate = rate_of(model, rate_hz)
    period_ns = round(1e9 * model.contract.unit / rate)
    deadline_ns = round(1000 * deadline_us) if deadline_us else period_ns
    solo = largest(lambda n: _solo(model, n, period_ns, deadline_ns, allowed), allowed)
    pooled = largest(lambda n: _pooled(model, n, period_ns, deadline_ns, allowed), allowed) if _pools(model) else None
    return Capacity(solo, pooled, rate, deadline_ns / 1000, allowed)


def rate_of(model: Model, rate_hz: float | None) -> float:
    """Frames per second of a stream: what is given, or what the file states; raises `InputError` for neither."""
    rate = rate_hz or model.contract.frame_rate_hz
    if not rate or rate <= 0:
        raise InputError(f"{model.name}: states no frame rate; give the rate at which its frames arrive")
    return rate


def largest(missed: Trial, allowed: float, most: int = _MOST) -> int:
    """The largest number at which the best of three trials misses no more than `allowed`, within a thirty-second part.

    What is held at n is taken as held below.
    """

    def held(number: int) -> bool:
        return any(missed(number) <= allowed for _ in range(_TRIALS))

    good, bad = 0, 1
    while bad <= most and held(bad):
        good, bad = bad, 2 * bad
    bad = min(bad, most + 1)
    while bad - good > max(1, good // 32):
        middle = (good + bad) // 2
        good, bad = (middle, bad) if held(middle) else (good, middle)
    return good


def _solo(model: Model, streams: int, period_ns: int, deadline_ns: int, allowed: float) -> float:
    inputs = sample_calls(model)
    every = [model.with_context().stream() for _ in range(streams)]
    for stream in every:
        stream.push(inputs[0])
    return missed_share(
        lambda k: every[k % streams].push(inputs[k % len(inputs)]),
        max(period_ns // streams, 1),
        _rounds(period_ns) * streams,
        deadline_ns,
        allowed,
    )


def _pooled(model: Model, streams: int, period_ns: int, deadline_ns: int, allowed: float) -> float:
    inputs = sample_calls(model)
    pool = model.with_context().pool(streams)
    members = [pool.join() for _ in range(streams)]
    calls = [dict.fromkeys(members, frames) for frames in inputs]
    pool.push(calls[0])
    return missed_share(lambda k: pool.push(calls[k % len(calls)]), period_ns, _rounds(period_ns), deadline_ns, allowed)


def missed_share(
    push: Callable[[int], object], period_ns: int, pushes: int, deadline_ns: int, allowed: float, **pacing: Any
) -> float:
    """Share of paced pushes that end after their deadline; a run that is lost, as more than `allowed` are, ends early.

    1 where pushes take longer than the period, though the trial was too short for one to be late.
    `pacing` goes to `pace`.
    """
    late = 0

    def lost(latency_ns: int) -> bool:
        nonlocal late
        late += latency_ns > deadline_ns
        return late > allowed * pushes

    run = pace(push, period_ns, pushes, between=lost, **pacing)
    if late <= allowed * pushes and (run.done_ns - run.begun_ns).mean() > period_ns:
        # It piles up until it misses, however late the deadline is.
        return 1.0
    return late / pushes


def _rounds(period_ns: int) -> int:
    return max(int(np.ceil(_SECONDS * 1e9 / period_ns)), _LEAST_PERIODS)


def _pools(model: Model) -> bool:
    try:
        model.pool(2)
    except RnnEdgeError:
        return False
    return True
