"""Open loop: frames arrive at their rate, whether the last one is done or not, as a microphone delivers them.

1. The latency of a push counts from the planned arrival of its frames. One that is late delays those after it, and
   all of them count: a closed loop would send fewer frames during a stall and hide it ("coordinated omission", Gil
   Tene, "How NOT to Measure Latency", 2015).
2. A push waits for its arrival asleep, and awake for the last `_AWAKE_NS`, because a sleep may end late by the slack of
   the system's timer; that waiting awake is not counted as a cost of the model.
3. The deadline is the period between two pushes, unless another one is given.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnedge_runtime.annotated import checked
from rnnedge_runtime.arguments import integer
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.measure._closed_loop import MOST_PUSHES, measure_latency, sample_calls
from rnnedge_runtime.measure.latency import PERCENTILES, percentile
from rnnedge_runtime.measure.usage import Usage, watch
from rnnedge_runtime.model import Model

_AWAKE_NS = 200_000
_LEAST_PERIOD_NS = 1_000_000
_LOOKS = 64
_PATIENCE_NS = 1_000_000_000


@dataclass(frozen=True, eq=False)
class Pace:
    """Nanoseconds from the planned arrival to the begin and to the end of every push, int64 (pushes,).

    `awake_ns`: waited awake; `asleep_ns`: waited asleep, in which the process burnt `burnt_ns` of processor time.
    """

    begun_ns: Array
    done_ns: Array
    awake_ns: int
    asleep_ns: int
    burnt_ns: int


@dataclass(frozen=True, eq=False)
class Paced:
    """A paced run. `latency_us` (pushes,): from the planned arrival to the end; `service_us`: the push itself."""

    latency_us: Array
    service_us: Array
    period_us: float
    deadline_us: float
    frames_per_push: int
    usage: Usage

    def percentile_us(self, percent: float) -> float:
        """The time from the planned arrival within which `percent` of the pushes ended."""
        return percentile(self.latency_us, percent)

    @property
    def rate_hz(self) -> float:
        """Frames per second that arrived."""
        return 1e6 * self.frames_per_push / self.period_us

    @property
    def misses(self) -> int:
        """Pushes that ended after their deadline."""
        return int((self.latency_us > self.deadline_us).sum())

    @property
    def miss_share(self) -> float:
        """Misses over pushes."""
        return self.misses / len(self.latency_us)

    @property
    def longest_burst(self) -> int:
        """The most pushes in a row that missed their deadline."""
        late = np.concatenate([[0], (self.latency_us > self.deadline_us).astype(np.int8), [0]])
        edges = np.flatnonzero(np.diff(late))
        return int((edges[1::2] - edges[::2]).max(initial=0))

    @property
    def jitter_us(self) -> float:
        """Standard deviation of the latency."""
        return float(self.latency_us.std())

    @property
    def load(self) -> float:
        """Mean share of the period that a push takes, waiting for its turn left out: the real-time factor."""
        return float(self.service_us.mean()) / self.period_us

    def summary(self) -> dict[str, object]:
        """The figures as plain data."""
        return {
            "pushes": len(self.latency_us),
            "frames_per_push": self.frames_per_push,
            "period_us": self.period_us,
            "deadline_us": self.deadline_us,
            **{f"p{p:g}_us": self.percentile_us(p) for p in PERCENTILES},
            "max_us": float(self.latency_us.max()),
            "jitter_us": self.jitter_us,
            "misses": self.misses,
            "miss_share": self.miss_share,
            "longest_burst": self.longest_burst,
            "real_time_factor": self.load,
            **self.usage.summary(),
        }


@checked
def pace(
    push: Callable[[int], object],
    period_ns: int,
    pushes: int,
    *,
    between: Callable[[int], object] | None = None,
    clock: Callable[[], int] = time.perf_counter_ns,
    sleep: Callable[[float], None] = time.sleep,
    cpu: Callable[[], int] = time.process_time_ns,
) -> Pace:
    """Call `push(k)` for k from 0 at planned times `period_ns` apart; a late one is followed at once by the next.

    `between` gets the latency of each push, is no part of its time, and ends the run where it returns something true.
    """
    integer(pushes, "pace: pushes", 0, MOST_PUSHES)
    integer(period_ns, "pace: period_ns", 0, 1 << 62)
    begun, done = np.empty(pushes, np.int64), np.empty(pushes, np.int64)
    awake = asleep = burnt = 0
    planned = clock() + period_ns
    for index in range(pushes):
        woken = now = clock()
        if planned - now > _AWAKE_NS:
            before = cpu()
            sleep((planned - now - _AWAKE_NS) * 1e-9)
            burnt += cpu() - before
            woken = clock()
            asleep += woken - now
            now = woken
        while now < planned:
            now = clock()
        # Up to the plan only: what is beyond was taken from us, not spent.
        awake += max(planned - woken, 0)
        push(index)
        done[index] = clock() - planned
        begun[index] = now - planned
        if between is not None and between(int(done[index])):
            begun, done = begun[: index + 1], done[: index + 1]
            break
        planned += period_ns
    return Pace(begun, done, awake, asleep, burnt)


@checked
def measure_paced(
    model: Model,
    *,
    seconds: float,
    rate_hz: float | None = None,
    deadline_us: float | None = None,
    pushes: int | None = None,
    warmup: int = 200,
    seed: int = 0,
) -> Paced:
    """Stream random frames at their rate for `seconds`, or for that many `pushes`, state carried.

    A machine that is behind by more than the whole run, and a second, will never catch up: there the run ends.
    `rate_hz`: frames per second; the file's own by default, and where it states none, a push every
    twice its own time, a millisecond apart at least.
    Raises `InputError` for a rate, a time or a deadline that is not above 0.
    """
    for name, value in (("seconds", seconds), ("rate", rate_hz), ("deadline", deadline_us), ("pushes", pushes)):
        if value is not None and not value > 0:
            raise InputError(f"measure: expected a {name} above 0, found {value}")
    unit = model.contract.unit
    inputs = sample_calls(model, seed)
    stream = model.with_context().stream()
    for index in range(warmup):
        stream.push(inputs[index % len(inputs)])
    rate = rate_hz or model.contract.frame_rate_hz
    period_ns = round(1e9 * unit / rate) if rate else _half_load_ns(model)
    if period_ns < 1:
        raise InputError(f"measure: expected a rate below a billion pushes a second, found {rate} Hz")
    count = pushes or max(round(seconds * 1e9 / period_ns), 1)
    every, pushed = max(count // _LOOKS, 1), itertools.count()
    meter = watch()
    lost_ns = count * period_ns + _PATIENCE_NS

    def between(latency_ns: int) -> bool:
        if next(pushed) % every == 0:
            meter.look()
        return latency_ns > lost_ns

    run = pace(lambda index: stream.push(inputs[index % len(inputs)]), period_ns, count, between=between)
    usage = meter.usage(run.awake_ns, run.asleep_ns, run.burnt_ns, frames=len(run.done_ns) * unit)
    period_us, service_us = period_ns / 1000.0, (run.done_ns - run.begun_ns) / 1000.0
    return Paced(run.done_ns / 1000.0, service_us, period_us, deadline_us or period_us, unit, usage)


def _half_load_ns(model: Model) -> int:
    """Twice the median push, and a millisecond at least."""
    return max(round(2000 * measure_latency(model, 200, 50).percentile_us(50)), _LEAST_PERIOD_NS)
