"""Histograms in a report: percentiles keep three digits, with hdrhistogram and without it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from in_one_test import in_one_test

from rnnedge.report._histograms import decode, encode, timeline
from rnnedge_runtime import MissingExtra


@pytest.fixture(params=["hdrhistogram", "counts"])
def writer(request: pytest.FixtureRequest):
    """`encode` where hdrhistogram is installed, and where it is not."""

    def write(latency_us: np.ndarray):
        with pytest.MonkeyPatch.context() as patch:
            if request.param == "counts":
                patch.setitem(sys.modules, "hdrh.histogram", None)
            found = encode(latency_us)
        assert isinstance(found, str) == (request.param == "hdrhistogram")
        return found

    return write


@in_one_test("scale_us", [0.05, 10.0, 1e4, 1e6])
def test_percentiles_survive_in_three_digits(writer, scale_us: float) -> None:
    """Of numpy, from nanoseconds to minutes; every push is still there."""
    values = scale_us * np.random.default_rng(0).lognormal(0, 1.5, 5001)
    read = decode(writer(values))
    assert read.shape == values.shape and (np.diff(read) >= 0).all()
    percents = [0, 1, 50, 90, 99, 99.9, 100]
    # A nanosecond is the finest that a clock tells.
    np.testing.assert_allclose(np.percentile(read, percents), np.percentile(values, percents), rtol=2e-3, atol=1e-3)


def test_ends_are_kept(writer) -> None:
    """One push, equal pushes, less than a nanosecond, more than an hour."""
    assert decode(writer(np.array([12.0]))).tolist() == pytest.approx([12.0], rel=1e-3)
    assert decode(writer(np.full(7, 3.0))).tolist() == pytest.approx([3.0] * 7, rel=1e-3)
    assert decode(writer(np.array([0.0, 1e12]))).tolist() == pytest.approx([0.001, 3.6e9], rel=1e-3)


def test_a_histogram_is_small() -> None:
    """A million pushes are a few kilobytes."""
    values = 10 * np.random.default_rng(0).lognormal(0, 1, 1_000_000)
    assert len(encode(values)) < 16_000


def test_reading_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that brings it; counts need none."""
    text = encode(np.array([1.0, 2.0]))
    monkeypatch.setitem(sys.modules, "hdrh.histogram", None)
    with pytest.raises(MissingExtra, match=r"rnnedge\[report\]"):
        decode(text)
    assert decode([[1.5, 2], [2.5, 1]]).tolist() == [1.5, 1.5, 2.5]


def test_a_timeline_keeps_every_outlier() -> None:
    """The slowest of each stretch, in order; a short run is there push by push."""
    values = np.ones(100_000)
    values[77_777] = 500.0
    found = timeline(values)
    assert len(found) == 400 and max(found) == 500.0
    assert found.index(500.0) == 77_777 * 400 // 100_000
    assert timeline(np.array([3.0, 1.0, 2.0])) == [3.0, 1.0, 2.0]
