"""Paced runs in virtual time: a stall has its true size, and everything behind it is late too."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from exported import Exported
from in_one_test import in_one_test

from rnnedge_runtime import InputError
from rnnedge_runtime.measure import Paced, measure_paced, pace, percentile
from rnnedge_runtime.measure.usage import Usage

MS = 1_000_000
_NOTHING = Usage(0.0, None, None, None)


@dataclass
class Time:
    """A clock that goes on by 20 us whenever it is read; sleeping takes `late_ns` longer than asked."""

    now_ns: int = 0
    late_ns: int = 0
    slept: list[float] = field(default_factory=list)

    def read(self) -> int:
        """Nanoseconds."""
        self.now_ns += 20_000
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        """Let that time pass."""
        self.slept.append(seconds)
        self.now_ns += round(seconds * 1e9) + self.late_ns


def paced(done_ns: np.ndarray, period_us: float, deadline_us: float | None = None) -> Paced:
    """The figures of a run whose pushes ended so long after their planned arrivals."""
    return Paced(done_ns / 1000, done_ns / 1000, period_us, deadline_us or period_us, 1, _NOTHING)


def test_a_stall_shows_at_its_true_size_and_a_closed_loop_hides_it() -> None:
    """100 ms every 10 s at 100 Hz delay ten frames each, by 100, 90, .. 10 ms: a hundredth of all, not a thousandth."""
    time = Time()

    def push(index: int) -> None:
        time.now_ns += 100 * MS if index % 1000 == 500 else MS // 10

    run = pace(push, 10 * MS, 6000, clock=time.read, sleep=time.sleep, cpu=lambda: 0)
    found = paced(run.done_ns, 10_000.0)
    # By arithmetic alone, for whoever frames reach at a fixed rate.
    true_us = np.sort(np.concatenate([np.zeros(6000 - 60), np.tile(np.arange(10, 101, 10), 6) * 1000.0]))
    assert found.percentile_us(99.9) == pytest.approx(percentile(true_us, 99.9), rel=0.1)
    assert found.latency_us.max() == pytest.approx(100_000, rel=0.1)
    assert found.misses == pytest.approx(60, rel=0.1)
    assert found.longest_burst == pytest.approx(10, rel=0.1)

    closed_us = np.full(6000, 100.0)
    closed_us[500::1000] = 100_000.0
    assert (closed_us > 10_000).sum() == 6
    assert percentile(closed_us, 99.8) == 100.0 and found.percentile_us(99.8) > 80_000


def test_frames_behind_a_late_one_are_pushed_at_once() -> None:
    """Nobody sleeps until the backlog is gone, and arrivals stay where they were planned."""
    time = Time()

    def push(index: int) -> None:
        time.now_ns += 35 * MS if index == 3 else MS

    run = pace(push, 10 * MS, 12, clock=time.read, sleep=time.sleep, cpu=lambda: 0)
    assert len(time.slept) == 12 - 3
    assert np.round(run.done_ns / MS).tolist() == [1, 1, 1, 35, 26, 17, 8, 1, 1, 1, 1, 1]
    assert np.round(run.begun_ns / MS).tolist() == [0, 0, 0, 0, 25, 16, 7, 0, 0, 0, 0, 0]


def test_a_sleep_that_ends_late_is_the_latency_s() -> None:
    """Half a millisecond too late counts, from the planned arrival; a tenth is waited for awake."""
    for late, at_least, below in ((MS // 10, 0, 100_000), (MS // 2, 300_000, 400_000)):
        time = Time(late_ns=late)
        run = pace(lambda _: None, 10 * MS, 5, clock=time.read, sleep=time.sleep, cpu=lambda: 0)
        assert (run.begun_ns >= at_least).all() and (run.begun_ns < below).all(), late


def test_waiting_is_told_apart_asleep_and_awake() -> None:
    """What the process burns while it sleeps is counted there, and waiting awake never beyond the plan."""
    time = Time()
    cpu = iter(range(0, 10**9, 1000))
    run = pace(lambda _: None, 10 * MS, 50, clock=time.read, sleep=time.sleep, cpu=lambda: next(cpu))
    assert run.burnt_ns == 50 * 1000
    assert run.asleep_ns == pytest.approx(50 * 9.8 * MS, rel=0.05)
    assert 0 < run.awake_ns <= 50 * 200_000


def test_what_happens_between_pushes_is_no_part_of_them() -> None:
    """It delays nobody as long as there is time left; it knows the latency, and can end the run."""
    time = Time()
    seen: list[int] = []

    def between(latency_ns: int) -> bool:
        seen.append(latency_ns)
        time.now_ns += 5 * MS
        return len(seen) == 9

    run = pace(lambda _: None, 10 * MS, 30, between=between, clock=time.read, sleep=time.sleep, cpu=lambda: 0)
    assert run.done_ns.tolist() == seen and len(run.begun_ns) == 9
    assert (run.done_ns < MS).all()


def test_figures_of_a_paced_run() -> None:
    """Misses are those beyond the deadline, a burst is of neighbours, the load is the push's share of the period."""
    latency = np.array([1.0, 5, 5, 1, 5, 5, 5, 4])
    run = Paced(latency, np.full(8, 2.0), 8.0, 4.0, 4, _NOTHING)
    assert (run.misses, run.miss_share, run.longest_burst) == (5, 5 / 8, 3)
    assert run.load == 0.25
    assert run.jitter_us == pytest.approx(np.std(latency))
    assert run.rate_hz == pytest.approx(500_000)
    assert Paced(latency, latency, 8.0, 5.0, 1, _NOTHING).longest_burst == 0
    assert Paced(latency, latency, 8.0, 0.5, 1, _NOTHING).longest_burst == 8


def test_a_model_is_paced_at_its_own_rate_or_another(tagger: Exported) -> None:
    """The period is that of a call's frames; so many pushes as fit into the time."""
    unit = tagger.model.contract.unit
    run = measure_paced(tagger.model, seconds=0.2, warmup=5)
    assert run.period_us == unit * 10_000 and run.deadline_us == run.period_us
    assert len(run.latency_us) == round(0.2e6 / run.period_us)
    other = measure_paced(tagger.model, seconds=0.1, rate_hz=500, deadline_us=70.0, warmup=5)
    assert (other.period_us, other.deadline_us) == (unit * 2000, 70.0)
    assert (other.latency_us >= other.service_us).all()
    assert other.summary()["pushes"] == len(other.latency_us)


def test_a_machine_that_will_never_catch_up_is_let_go(native: Exported) -> None:
    """A million frames a second: the run ends long before all are pushed, and what was pushed was late."""
    run = measure_paced(native.model, seconds=0.5, rate_hz=1e6, warmup=5)
    assert 0 < len(run.latency_us) < 500_000
    assert run.latency_us[-1] > 1.5e6 and run.miss_share > 0.9
    assert run.usage.idle_burn is None and run.usage.cpu_us_per_frame > 0


@in_one_test(
    "wrong", [{"seconds": 0}, {"rate_hz": -1}, {"deadline_us": float("nan")}, {"pushes": 0}, {"rate_hz": 1e12}]
)
def test_a_pace_that_is_none_is_refused(wrong: dict[str, float], native: Exported) -> None:
    """Nothing, less, not a number, or faster than a clock can tell."""
    with pytest.raises(InputError, match=r"^measure(_paced: deadline_us)?: expected a"):
        measure_paced(native.model, **{"seconds": 1.0, **wrong})
