"""Where the warm-up ends."""

from __future__ import annotations

import numpy as np
import pytest
from in_one_test import in_one_test

from rnnedge_runtime.measure._warmup import steady_from


def noisy(level: float, count: int, seed: int = 0) -> np.ndarray:
    """Times around `level`, with the tail that real ones have."""
    rng = np.random.default_rng(seed)
    return level * (1 + 0.03 * rng.standard_normal(count) + (rng.random(count) < 0.01) * rng.exponential(20, count))


@in_one_test("seed", range(20))
def test_constant_noise_is_warm_from_the_beginning(seed: int) -> None:
    """Outliers of twenty times the usual are no warm-up."""
    assert steady_from(noisy(10, 3000, seed)) == 0


@pytest.mark.parametrize("warm", [150, 400, 900, 1400])
def test_the_end_of_a_warm_up_is_found_within_a_window(warm: int) -> None:
    """A window is a fortieth of the run; the warm-up is never taken for measured."""
    times = np.concatenate([noisy(15, warm), noisy(10, 3000 - warm, 1)])
    assert warm - 75 / 2 <= steady_from(times) <= warm + 75


def test_a_slow_decay_is_found() -> None:
    """Where it is within a tenth of the end."""
    times = noisy(10, 4000) * (1 + np.exp(-np.arange(4000) / 300))
    found = steady_from(times)
    assert found is not None and 500 <= found <= 1000


@pytest.mark.parametrize("drift", ["slower", "faster", "jump"])
def test_what_never_becomes_steady_says_so(drift: str) -> None:
    """A clock that sinks, a cache that still fills, a neighbour who comes late."""
    shape = {"slower": np.linspace(1, 2, 3000), "faster": np.linspace(2, 1, 3000),
             "jump": np.where(np.arange(3000) < 2200, 1, 1.5)}[drift]  # fmt: skip
    assert steady_from(noisy(10, 3000) * shape) is None


def test_a_short_run_says_nothing() -> None:
    """Below five times a window, nothing is cut off."""
    assert steady_from(np.linspace(1, 100, 199)) == 0
    assert steady_from(np.linspace(1, 100, 200)) is None
    assert steady_from(np.array([5.0])) == 0
    assert steady_from(np.full(300, 7.0)) == 0
