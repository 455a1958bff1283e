"""Distributions of latencies in a few kilobytes: HdrHistogram, its own encoding, three significant digits.

Source: hdrhistogram.org; the encoding is that of every HdrHistogram library, so other tools read it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import MissingExtra

_LARGEST_NS = 3_600_000_000_000
_DIGITS = 3
_STRETCHES = 400


def encode(latency_us: Array) -> str | list[list[float]]:
    """Base64 of a compressed histogram of nanoseconds.

    Where hdrhistogram is not installed, as on most devices: pairs of microseconds, in four digits, and how many.
    """
    ns = np.clip(np.rint(latency_us * 1000), 1, _LARGEST_NS).astype(np.int64)
    try:
        from hdrh.histogram import HdrHistogram
    except ImportError:
        places = 10 ** np.maximum(np.floor(np.log10(ns)).astype(np.int64) - _DIGITS, 0)
        values, counts = np.unique((ns + places // 2) // places * places, return_counts=True)
        return [[value / 1000, count] for value, count in zip(values.tolist(), counts.tolist(), strict=True)]
    values, counts = np.unique(ns, return_counts=True)
    histogram = HdrHistogram(1, _LARGEST_NS, _DIGITS)
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        histogram.record_value(value, count)
    return str(histogram.encode().decode())


def decode(histogram: str | Sequence[Sequence[float]]) -> Array:
    """The microseconds that a histogram stands for, float64, sorted.

    Raises `MissingExtra` where reading it needs what is not installed.
    """
    if not isinstance(histogram, str):
        values_us, times = (np.array(side) for side in zip(*histogram, strict=True))
        return np.repeat(values_us, times.astype(np.int64))
    try:
        from hdrh.histogram import HdrHistogram
    except ImportError as error:
        raise MissingExtra("a histogram needs hdrhistogram; install 'rnnedge[report]'") from error
    recorded: Any = HdrHistogram.decode(histogram).get_recorded_iterator()
    pairs = [(item.value_iterated_to, item.count_at_value_iterated_to) for item in recorded]
    values, counts = (np.array(side, np.int64) for side in zip(*pairs, strict=True))
    return np.repeat(values / 1000.0, counts)


def timeline(latency_us: Array) -> list[float]:
    """The slowest of each of at most 400 stretches of a run, in order: no outlier is thinned away."""
    parts = np.array_split(latency_us, min(_STRETCHES, len(latency_us)))
    return [round(float(part.max()), 3) for part in parts]
