"""Budgets: read, judged, and refused before anything is measured."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from in_one_test import in_one_test

from rnnedge_runtime import InputError
from rnnedge_runtime.measure.budget import METRICS, Budget, check, missed, parse

UNITS = [(metric, unit, factor) for metric, units in METRICS.items() for unit, factor in units.items()]


@in_one_test(
    ("text", "limit"),
    [("p99<2ms", 2000), ("p99.9 <= 150us", 150), ("max<1s", 1e6), ("p50<900ns", 0.9), ("miss<0.1%", 0.001),
     ("miss<=0.001", 0.001), ("rtf<50%", 0.5), ("burst<=2", 2), ("streams>=100", 100), ("rss<80MB", 80),
     ("rss<512KB", 0.5), ("rss<1GB", 1024), ("slope<5MB/h", 5), ("idle<1%", 0.01), ("first<1.5e1ms", 15_000)],
)  # fmt: skip
def test_a_bound_is_read_in_its_metric_s_own_unit(text: str, limit: float) -> None:
    """Microseconds, shares, MB."""
    (budget,) = parse(text)
    assert budget.limit == pytest.approx(limit)
    assert budget.text == text


# Threads that made streams flush subnormal numbers, so there are none to draw.
@given(st.lists(st.tuples(st.sampled_from(UNITS), st.sampled_from(["<", "<=", ">", ">="]),
                          st.floats(0, 1e9, allow_subnormal=False)), min_size=1, max_size=5))  # fmt: skip
def test_whatever_is_written_is_read_back(bounds: list[tuple[tuple[str, str, float], str, float]]) -> None:
    """Every metric in every unit, any sign, any number, several of them."""
    text = ", ".join(f"{metric}{sign}{number!r}{unit}" for (metric, unit, _), sign, number in bounds)
    for budget, ((metric, _, factor), sign, number) in zip(parse(text), bounds, strict=True):
        assert (budget.metric, budget.sign) == (metric, sign)
        assert math.isclose(budget.limit, number * factor, rel_tol=1e-12, abs_tol=1e-300)


@in_one_test(
    ("text", "words"),
    [("", "such as p99<2ms"), ("p99", "such as p99<2ms"), ("p99<", "such as p99<2ms"), ("p99<2ms,", "such as p99<2ms"),
     ("p99=2ms", "such as p99<2ms"), ("p99<-2ms", "such as p99<2ms"), ("p99<2ms p50<1ms", "such as"),
     ("p98<2ms", "expected one of p50"), ("speed<2ms", "found 'speed'"), ("p99<2", "found no unit"),
     ("p99<2%", "given in ns, us, ms, s"), ("rss<80", "KB, MB, GB"), ("miss<1ms", "%, no unit"),
     ("burst<1%", "burst is given in no unit, found %"), ("p99<1.2.3ms", "expected a number"),
     ("p99<.ms", "expected a number")],
)  # fmt: skip
def test_what_is_no_bound_is_refused_with_what_there_is(text: str, words: str) -> None:
    """The part that is none, and what can be written."""
    with pytest.raises(InputError, match="budget") as caught:
        parse(text)
    assert words in str(caught.value)


def test_bounds_are_judged_by_their_sign() -> None:
    """The limit itself is kept by <= and >= only; a figure that is no number keeps nothing."""
    for sign, kept in (("<", (True, False, False)), ("<=", (True, True, False)), (">", (False, False, True)),
                       (">=", (False, True, True))):  # fmt: skip
        assert tuple(Budget("", "p50", sign, 2.0).kept(value) for value in (1.0, 2.0, 3.0)) == kept
        assert not Budget("", "p50", sign, 2.0).kept(math.nan)


def test_what_is_missed_is_named_with_what_was_found() -> None:
    """One line for each, in the unit that a reader knows; what is kept is not mentioned."""
    budgets = parse("p99<2ms,p50<9us,miss<0.1%,rss<80MB,slope<5MB/h,streams>=8,max<1s,rtf<0.5")
    found = {"p99": 3456.0, "p50": 10.5, "miss": 0.0123, "rss": 81.25, "slope": 7.0, "streams": 7, "max": 5.0, "rtf": 2}
    assert missed(budgets, found) == [
        "p99<2ms: found 3.456 ms",
        "p50<9us: found 10.50 us",
        "miss<0.1%: found 1.230%",
        "rss<80MB: found 81.2 MB",
        "slope<5MB/h: found 7.0 MB/h",
        "streams>=8: found 7",
        "rtf<0.5: found 2",
    ]
    with pytest.raises(InputError, match="this run did not measure p90"):
        missed(parse("p90<1s"), found)
    with pytest.raises(InputError, match="this run did not measure pooled"):
        missed(parse("pooled>1"), {"pooled": None})


def test_what_a_run_will_lack_is_known_before() -> None:
    """Paced figures without a paced part, a slope of a short run, streams that are not counted."""
    for text, seconds, streams, words in (
        ("p99<1ms,miss<1%", 0.0, False, "--seconds above 0"),
        ("slope<1MB/h", 29.0, False, "--seconds 30"),
        ("streams>1", 3.0, False, "--streams"),
        ("pooled>1", 3.0, False, "--streams"),
    ):
        with pytest.raises(InputError, match=words):
            check(parse(text), seconds=seconds, streams=streams)
    check(parse("p99<1ms,first<1s,rss<1GB,rtf<1"), seconds=0.0, streams=False)
    check(parse("slope<1MB/h,miss<1%,pooled>1"), seconds=30.0, streams=True)
