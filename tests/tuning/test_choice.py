"""The front and the winner, on figures whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from rnnedge.tuning._candidates import Candidate, candidates
from rnnedge.tuning._pareto import Trial, choose, front


def trial(form: str, precision: str, us: float, *, spread: float = 0.01, size: int = 1000, error: float = 0.0) -> Trial:
    """A candidate whose rounds scatter by `spread` around `us`."""
    rng = np.random.default_rng(len(form) + len(precision))
    rounds = tuple(us * (1 + spread * rng.standard_normal(25)))
    return Trial(Candidate(form, precision), rounds, us, 2 * us, 60.0, size, error)


def test_the_fastest_wins_where_it_is_clearly_so() -> None:
    """A difference of a quarter at one percent of noise is no chance."""
    choice = choose([trial("native", "float32", 20.0), trial("step", "int8", 15.0)])
    assert choice.winner.candidate == Candidate("step", "int8")
    assert choice.as_good == ()


def test_within_the_noise_the_simplest_wins_whoever_came_first() -> None:
    """Two candidates half a percent apart: wider numbers win in either order, and the other is said to be as good."""
    plain, narrow = trial("native", "float32", 20.1), trial("step", "int8", 20.0)
    for order in ([plain, narrow], [narrow, plain]):
        choice = choose(order)
        assert choice.winner is plain
        assert choice.as_good == (narrow,)
        assert choice.noise > 0.005


def test_a_winner_is_never_slower_than_any_other_by_more_than_the_noise() -> None:
    """Over many draws of figures and scatters."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        trials = [
            trial(form, precision, float(rng.uniform(10, 14)), spread=float(rng.uniform(0.001, 0.2)))
            for form in ("native", "step", "scan")
            for precision in ("float32", "int8")
        ]
        choice = choose(trials)
        assert choice.winner.value <= min(t.value for t in trials) * (1 + choice.noise) * (1 + 1e-9)


def test_two_runs_of_the_same_device_give_the_same_winner_or_call_it_noise() -> None:
    """Rounds drawn anew: where the winners differ, each run names the other's among those that are as good."""
    for seed in range(50):
        winners = []
        for run in range(2):
            rng = np.random.default_rng(1000 * seed + run)
            trials = [
                Trial(Candidate(form, "float32"), tuple(us * (1 + 0.05 * rng.standard_normal(25))), us, us, 1.0, 1, 0.0)
                for form, us in (("native", 10.2), ("step", 10.0), ("scan", 10.1))
            ]
            winners.append(choose(trials))
        a, b = winners
        if a.winner.candidate != b.winner.candidate:
            names = {t.candidate for t in (*a.as_good, *b.as_good)}
            assert {a.winner.candidate, b.winner.candidate} & names


def test_the_front_has_what_nothing_beats_in_everything() -> None:
    """Slower but smaller stays; slower, larger and worse goes."""
    fast = trial("native", "float32", 10.0, size=4000)
    small = trial("step", "int8", 12.0, size=1000, error=1e-2)
    beaten = trial("scan", "float32", 20.0, size=5000)
    assert front([small, beaten, fast]) == [fast, small]


def test_every_candidate_is_there_once_and_the_first_is_the_plainest() -> None:
    """Chunks for throughput only; names are unique."""
    every = list(candidates("latency"))
    assert every[0] == Candidate("native", "float32")
    assert len({c.name for c in every}) == len(every) == len(set(every))
    assert all(c.chunk is None for c in every)
    assert any(c.chunk for c in candidates("throughput"))
    assert {c.precision for c in every} == {"float32", "float16", "bf16", "int8", "int4"}


def test_a_figure_of_one_round_has_noise_too() -> None:
    """It is not taken for exact."""
    alone = Trial(Candidate("native", "float32"), (10.0,), 10.0, 10.0, 1.0, 1, 0.0)
    assert alone.noise == pytest.approx(0.02)
