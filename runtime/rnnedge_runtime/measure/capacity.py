"""How many paced streams this machine holds: doubling until some are late, then bisection.

Streams arrive evenly spread over a period. Solo, each is pushed by itself as it arrives, one thread for all of them;
pooled, all of them advance together once in a period. A number of streams is held where no more than `allowed` of the
pushes end after their deadline, in the better of two trials: a busy moment of the machine is not the model's limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnedge_runtime.errors import InputError
from rnnedge_runtime.measure.closed import sample_calls
from rnnedge_runtime.measure.paced import pace
from rnnedge_runtime.model import Model

_SECONDS, _LEAST_PERIODS = 0.6, 12
_MOST = 1 << 16
Trial = Callable[[int], float]


@dataclass(frozen=True)
class Capacity:
    """The largest number of streams that is held, 0 where not even one is; None for a pool that the file refuses."""

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
    rate = rate_hz or model.contract.frame_rate_hz
    if not rate or rate <= 0:
        raise InputError(f"{model.name}: states no frame rate; give the rate at which its frames arrive")
    period_ns = round(1e9 * model.contract.unit / rate)
    deadline_ns = round(1000 * deadline_us) if deadline_us else period_ns
    solo = largest(lambda n: _solo(model, n, period_ns, deadline_ns), allowed)
    pooled = largest(lambda n: _pooled(model, n, period_ns, deadline_ns), allowed) if _pools(model) else None
    return Capacity(solo, pooled, rate, deadline_ns / 1000, allowed)


def largest(missed: Trial, allowed: float, most: int = _MOST) -> int:
    """The largest number at which the better of two trials misses no more than `allowed`.

    What is held at n is taken as held below.
    """

    def held(number: int) -> bool:
        return missed(number) <= allowed or missed(number) <= allowed

    good, bad = 0, 1
    while bad <= most and held(bad):
        good, bad = bad, 2 * bad
    bad = min(bad, most + 1)
    while bad - good > max(1, good // 32):
        middle = (good + bad) // 2
        good, bad = (middle, bad) if held(middle) else (good, middle)
    return good


def _solo(model: Model, streams: int, period_ns: int, deadline_ns: int) -> float:
    inputs = sample_calls(model)
    every = [model.stream() for _ in range(streams)]
    rounds = _rounds(period_ns)
    run = pace(
        lambda k: every[k % streams].push(inputs[k % len(inputs)]), max(period_ns // streams, 1), rounds * streams
    )
    return float((run.done_ns > deadline_ns).mean())


def _pooled(model: Model, streams: int, period_ns: int, deadline_ns: int) -> float:
    inputs = sample_calls(model)
    pool = model.pool(streams)
    members = [pool.join() for _ in range(streams)]
    calls = [dict.fromkeys(members, frames) for frames in inputs]
    pool.push(calls[0])
    run = pace(lambda k: pool.push(calls[k % len(calls)]), period_ns, _rounds(period_ns))
    return float((run.done_ns > deadline_ns).mean())


def _rounds(period_ns: int) -> int:
    return max(int(np.ceil(_SECONDS * 1e9 / period_ns)), _LEAST_PERIODS)


def _pools(model: Model) -> bool:
    from rnnedge_runtime.errors import RnnEdgeError

    try:
        model.pool(2)
    except RnnEdgeError:
        return False
    return True
