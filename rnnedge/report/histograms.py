"""Distributions of latencies in a few kilobytes: HdrHistogram, its own encoding, three significant digits.

Source: hdrhistogram.org; the encoding is that of every HdrHistogram library, so other tools read it too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import MissingExtra

_LARGEST_NS = 3_600_000_000_000
_DIGITS = 3
_STRETCHES = 400


def encode(latency_us: Array) -> str | None:
    """Base64 of a compressed histogram of nanoseconds; None where hdrhistogram is not installed."""
    try:
        from hdrh.histogram import HdrHistogram
    except ImportError:
        return None
    histogram = HdrHistogram(1, _LARGEST_NS, _DIGITS)
    values, counts = np.unique(np.maximum(np.rint(latency_us * 1000), 1).astype(np.int64), return_counts=True)
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        histogram.record_value(value, count)
    return str(histogram.encode().decode())


def decode(text: str | None) -> Array:
    """The microseconds that an encoded histogram stands for, sorted. Raises `MissingExtra` where it cannot be read."""
    if text is None:
        raise MissingExtra("the report has no histogram: where it was measured, 'rnnedge[report]' was not installed")
    try:
        from hdrh.histogram import HdrHistogram
    except ImportError as error:
        raise MissingExtra("a histogram needs hdrhistogram; install 'rnnedge[report]'") from error
    recorded: Any = HdrHistogram.decode(text).get_recorded_iterator()
    pairs = [(item.value_iterated_to, item.count_at_value_iterated_to) for item in recorded]
    values, counts = (np.array(side, np.int64) for side in zip(*pairs, strict=True))
    return np.repeat(values / 1000.0, counts)


def timeline(latency_us: Array) -> list[float]:
    """The slowest of each of at most 400 stretches of a run, in order: no outlier is thinned away."""
    parts = np.array_split(latency_us, min(_STRETCHES, len(latency_us)))
    return [round(float(part.max()), 3) for part in parts]
