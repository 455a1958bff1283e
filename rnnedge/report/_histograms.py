"""Distributions of latencies in a few kilobytes: HdrHistogram, its own encoding, three significant digits.

Source: hdrhistogram.org; the encoding is that of every HdrHistogram library, so other tools read it too.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np

from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError, MissingExtra

_LARGEST_NS = 3_600_000_000_000
_DIGITS = 3
_STRETCHES = 400
# Of a histogram that is read: more than days of pushes, and than ours unpacked.
_MOST_PUSHES = 20_000_000
_MOST_BYTES = 1 << 22
# Bytes before the counts of an unpacked one.
_HEADER = 40


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


def decode(histogram: Any) -> Array:
    """The microseconds that a histogram stands for, float64, sorted.

    Raises `InputError` for one that is damaged, empty, or of more pushes than anybody makes, and `MissingExtra` where
    reading it needs what is not installed.
    """
    values_us, counts = _hdr(histogram) if isinstance(histogram, str) else _pairs(histogram)
    if not 0 < counts.sum() <= _MOST_PUSHES:
        raise InputError(f"histogram: expected 1 to {_MOST_PUSHES:,} pushes, found {int(counts.sum())}")
    # No push takes less than the nanosecond that a clock tells, and scales are logarithmic.
    return np.repeat(np.maximum(values_us, 0.001), counts)


def _pairs(histogram: Any) -> tuple[Array, Array]:
    """Microseconds float64, and how many int64."""
    expected = "expected pairs of microseconds and a count"
    try:
        pairs = np.array(histogram, np.float64)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(f"histogram: {expected}, found something else") from error
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not (pairs >= 0).all() or not (pairs <= _LARGEST_NS).all():
        raise InputError(f"histogram: {expected}, found something else")
    return pairs[:, 0], pairs[:, 1].astype(np.int64)


def _hdr(text: str) -> tuple[Array, Array]:
    """The same of what HdrHistogram has encoded."""
    try:
        from hdrh.histogram import HdrHistogram
    except ImportError as error:
        raise MissingExtra("a histogram needs hdrhistogram; install 'rnnedge[report]'") from error
    try:
        packed = base64.b64decode(text, validate=True)
        # Eight bytes say what follows: zlib, of a few kilobytes.
        unpacking = zlib.decompressobj()
        plain = unpacking.decompress(packed[8:], _MOST_BYTES)
        (length,) = struct.unpack(">I", plain[4:8])
        # The digits, the least and the largest value, for which memory is taken.
        made_for = struct.unpack(">iqq", plain[12:32])
        if unpacking.unconsumed_tail or length != len(plain) - _HEADER or made_for != (_DIGITS, 1, _LARGEST_NS):
            raise ValueError("not whole, or not made for what ours are")
        recorded: Any = HdrHistogram.decode(text).get_recorded_iterator()
        pairs = [(item.value_iterated_to, item.count_at_value_iterated_to) for item in recorded]
        values, counts = (np.array(side, np.int64) for side in zip(*pairs, strict=True))
    # hdrh lists no errors for what is not its own.
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise InputError(f"histogram: expected one of HdrHistogram, found a damaged one ({reason[:200]})") from error
    if (values < 0).any() or (counts < 0).any():
        raise InputError("histogram: expected times and counts, found numbers below 0")
    return values / 1000.0, counts


def timeline(latency_us: Array) -> list[float]:
    """The slowest of each of at most 400 stretches of a run, in order: no outlier is thinned away."""
    parts = np.array_split(latency_us, min(_STRETCHES, len(latency_us)))
    return [round(float(part.max()), 3) for part in parts]
