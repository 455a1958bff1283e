"""Samples into frames of the model: resampled if the source has another rate, cut into frames, numbered."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from rnnedge.frames._audio import sample_scale
from rnnedge.frames._resample import resampler
from rnnedge.live.protocol import Packet, Source, Timeline
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import InputError


def model_frames(source: Source, contract: Contract) -> Iterator[Packet]:
    """The packets of `source` as frames of the model, whether it gives frames or samples of sound.

    Raises `InputError` for sound that the model cannot take, `MissingExtra` if soxr is needed and missing.
    """
    if source.samples_hz is None:
        yield from source.packets()
        return
    shape = tuple(int(d) for d in contract.inputs[0].frame_shape)
    size = math.prod(shape)
    dtype = contract.inputs[0].dtype
    if sum(d > 1 for d in shape) > 1 or not dtype.startswith("float"):
        raise InputError(f"{source.name}: this model's frames are {dtype} {shape}, not samples")
    rate = (contract.frame_rate_hz or source.samples_hz / size) * size
    samples = source.packets()
    if abs(rate - source.samples_hz) > 0.5:
        samples = resampled(samples, source.samples_hz, rate)
    scale = sample_scale(contract)
    for packet in cut(samples, size, rate):
        frames = (packet.frames * scale).astype(dtype).reshape(-1, *shape)
        yield Packet(frames, packet.first, packet.time_s)


def cut(samples: Iterator[Packet], size: int, rate_hz: float) -> Iterator[Packet]:
    """Whole frames (n, size): frame k has the samples from k * size on; a frame of which one sample is lost is lost."""
    rest, begins, begins_s = np.zeros(0, np.float32), 0, 0.0
    for packet in samples:
        if packet.first != begins + len(rest) or not len(rest):
            skipped = -packet.first % size
            rest = packet.frames[skipped:]
            begins, begins_s = packet.first + skipped, packet.time_s + skipped / rate_hz
        else:
            begins_s = packet.time_s - len(rest) / rate_hz
            rest = np.concatenate([rest, packet.frames])
        whole = len(rest) // size
        if whole:
            yield Packet(rest[: whole * size].reshape(whole, size), begins // size, begins_s)
            begins, begins_s = begins + whole * size, begins_s + whole * size / rate_hz
            rest = rest[whole * size :]


def resampled(samples: Iterator[Packet], from_hz: float, to_hz: float) -> Iterator[Packet]:
    """The same sound at another rate, in any chunks bit for bit as in one.

    Sample k after the start, or after a gap, stands at k / to_hz: soxr takes its filter's delay off by itself, and
    gives late what it gives; so a time is a matter of counting, whatever `delay()` says.
    """
    ratio = Fraction(to_hz).limit_denominator(1 << 20) / Fraction(from_hz).limit_denominator(1 << 20)
    part: _Part | None = None
    for packet in samples:
        if part is None or packet.first != part.expected:
            if part is not None:
                yield from part.give(np.zeros(0, np.float32), last=True)
            part = _Part(packet.first, from_hz, to_hz, ratio)
        part.timeline.add(packet.first, packet.time_s)
        yield from part.give(packet.frames)
    if part is not None:
        yield from part.give(np.zeros(0, np.float32), last=True)


class _Part:
    """Sound without a gap, and the resampler that runs over it."""

    def __init__(self, first: int, from_hz: float, to_hz: float, ratio: Fraction) -> None:
        self.expected = self._first = first
        self._ratio, self._given = ratio, 0
        self._begins = round(first * ratio)
        self.timeline = Timeline(from_hz)
        self._resample = resampler(from_hz, to_hz, 1)

    def give(self, samples: Array, last: bool = False) -> Iterator[Packet]:
        """What became computable; it is numbered from where the part begins at the new rate."""
        self.expected += len(samples)
        found = self._resample.resample_chunk(np.ascontiguousarray(samples, np.float32), last=last)
        if len(found):
            time_s = self.timeline.time_s(self._first + float(self._given / self._ratio))
            yield Packet(found, self._begins + self._given, time_s)
            self._given += len(found)
