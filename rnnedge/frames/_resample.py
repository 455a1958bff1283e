"""Sound at another rate, by soxr, as it comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import MissingExtra


def resampler(rate_hz: float, wanted_hz: float, channels: int) -> Any:
    """soxr's stream of samples (n, channels) float32; raises `MissingExtra` without soxr."""
    try:
        import soxr
    except ImportError as error:
        raise MissingExtra(
            f"sound of {rate_hz:g} samples per second for a model of {wanted_hz:g} needs soxr; install it with: "
            "pip install 'rnnedge[live]'"
        ) from error
    return soxr.ResampleStream(rate_hz, wanted_hz, channels, dtype="float32")


def resampled(blocks: Iterable[Array], rate_hz: float, wanted_hz: float) -> Iterator[Array]:
    """Samples (n, channels) float32 of `rate_hz` as such of `wanted_hz`; raises `MissingExtra` without soxr."""
    stream, channels = None, 0
    for block in blocks:
        if stream is None:
            channels = block.shape[1]
            stream = resampler(rate_hz, wanted_hz, channels)
        yield np.asarray(stream.resample_chunk(np.ascontiguousarray(block)))
    if stream is not None:
        yield np.asarray(stream.resample_chunk(np.zeros((0, channels), np.float32), last=True))
