"""Processor time and memory of a run: what a leak and a spinning thread look like."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from rnnedge_runtime.measure import pace
from rnnedge_runtime.measure.usage import Meter, resident_mb, watch

S = 1_000_000_000


def watched(sizes_mb: np.ndarray, seconds: float) -> Meter:
    """A meter that saw these sizes at equal distances, in virtual time."""
    clock, sizes = [0], iter(sizes_mb)
    meter = watch(clock=lambda: clock[0], cpu=lambda: 0, memory=lambda: float(next(sizes)))
    for k in range(len(sizes_mb)):
        clock[0] = round(seconds * S * (k + 1) / len(sizes_mb))
        meter.look()
    return meter


@pytest.mark.parametrize("leak_mb_per_hour", [0.0, 3.0, 240.0])
def test_a_leak_has_its_size(leak_mb_per_hour: float) -> None:
    """Through memory that grows in whole pages of 4 KiB, and a warm-up that takes 5 MB in the first seconds."""
    hours = (np.arange(64) + 1) * 60 / 64 / 3600
    grown = np.floor(hours * leak_mb_per_hour * 256) / 256
    sizes = 50 + grown + np.where(hours * 3600 < 5, 0, 5)
    slope = watched(sizes, 60).usage(0, 0, 0, 1).rss_slope_mb_per_hour
    assert slope == pytest.approx(leak_mb_per_hour, rel=0.1, abs=0.01)


def test_short_runs_have_no_slope() -> None:
    """Of less than half a minute, or with few looks; the size they have."""
    for count, seconds in ((64, 29), (7, 60)):
        usage = watched(np.linspace(10, 20, count), seconds).usage(0, 0, 0, 1)
        assert usage.rss_slope_mb_per_hour is None and usage.rss_mb == 20


def test_processor_time_leaves_out_what_is_not_the_model_s() -> None:
    """Waiting awake, what is burnt asleep, and looking at the memory."""
    cpu = [0]

    def memory() -> float:
        cpu[0] += 7000
        return 1.0

    meter = watch(clock=lambda: 0, cpu=lambda: cpu[0], memory=memory)
    for _ in range(10):
        meter.look()
        cpu[0] += 50_000
    usage = meter.usage(awake_ns=100_000, asleep_ns=1_000_000, burnt_ns=200_000, frames=10)
    assert usage.cpu_us_per_frame == pytest.approx((500 - 100 - 200) / 10)
    assert usage.idle_burn == 0.2
    assert meter.usage(0, 0, 0, 10).idle_burn is None


def test_a_system_that_does_not_tell_has_no_memory() -> None:
    """No figure is better than a wrong one."""
    usage = watch(memory=lambda: None).usage(0, 0, 0, 1)
    assert (usage.rss_mb, usage.rss_slope_mb_per_hour) == (None, None)


def test_a_thread_that_spins_while_nobody_works_is_seen() -> None:
    """A share of a core that a sleeping process does not have."""

    def burn() -> float:
        meter = watch()
        run = pace(lambda _: None, 10_000_000, 40)
        found = meter.usage(run.awake_ns, run.asleep_ns, run.burnt_ns, 40).idle_burn
        assert found is not None
        return found

    calm, end = burn(), threading.Event()

    def spin() -> None:
        while not end.is_set():
            pass

    spinner = threading.Thread(target=spin)
    spinner.start()
    try:
        spinning = burn()
    finally:
        end.set()
        spinner.join()
    assert calm < 0.1 and spinning > 4 * calm and spinning > 0.15


def test_resident_memory_is_what_the_kernel_says() -> None:
    """It grows by what is touched."""
    before = resident_mb()
    if before is None:
        pytest.skip("this system does not tell")
    held = np.ones(64 << 20, np.uint8)
    after = resident_mb()
    assert after is not None and after - before == pytest.approx(len(held) >> 20, rel=0.2)
