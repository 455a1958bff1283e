"""What a file gives next to what its source gives, value by value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from rnnedge_export.reference import Reference
from rnnedge_export.verification.rounding import Frames, Rounding, SourceRounding, nothing_rounded
from rnnedge_export.verification.tolerance import Tolerance
from rnnedge_runtime.contract import Array
from rnnedge_runtime.golden import stream_all
from rnnedge_runtime.model import Model

_NONE = Rounding(np.zeros((1, 1, 1)), np.zeros((1, 1, 1), bool))
# Values that are compared at a time.
_BLOCK = 1 << 19


@dataclass(frozen=True, eq=False)
class Worst:
    """The value that is worst against its tolerance.

    `ratio`: its error in tolerances; `scale`: as of `Check`; `value`: which one it is, expected and found, in words.
    `sequence` of the batch, output `frame`; `signal`: what the frames are, `road`: how they were streamed. `inputs`:
    the frames of that sequence, (1, time, ...) by input name.
    """

    ratio: float = 0.0
    error: float = 0.0
    tolerance: float = Tolerance.share
    scale: float = 1.0
    value: str = ""
    sequence: int = 0
    frame: int = 0
    signal: str = ""
    road: str = ""
    inputs: Frames | None = None

    @property
    def place(self) -> str:
        """Value, signal and road in words."""
        named = [f"{word} {name!r}" for word, name in (("signal", self.signal), ("road", self.road)) if name]
        return "; ".join(filter(None, [self.value, ", ".join(named)]))

    def on(self, signal: str, road: str = "") -> Worst:
        """The same, with what the frames were and how they were streamed, where that is not known."""
        return replace(self, signal=self.signal or signal, road=self.road or road)


class Comparison:
    """A loaded file, its source, and the tolerance; made for one verification. `elsewhere`: as `SourceRounding`."""

    def __init__(
        self, model: Model, reference: Reference, tolerance: Tolerance | None = None, elsewhere: bool = False
    ) -> None:
        self.model, self.reference = model, reference
        self.tolerance = tolerance or Tolerance.of(model.contract)
        self._rounding = SourceRounding(reference, model.contract, elsewhere)

    def streamed(self, frames: Frames, cuts: Sequence[int] = ()) -> Worst:
        """Of `frames` (batch, time, ...) by input, pushed in pieces cut at `cuts`, then `finish`."""
        return self.of(frames, self.stream(frames, cuts))

    def stream(self, frames: Frames, cuts: Sequence[int] = ()) -> dict[str, Array]:
        """What the file makes of `frames`, (batch, time, ...) by output."""
        batch = len(next(iter(frames.values())))
        alone = batch == 1
        given = {name: array[0] if alone else array for name, array in frames.items()}
        found = stream_all(self.model.stream(batch), given, cuts)
        return {name: array[None] if alone else array for name, array in found.items()}

    def of(self, frames: Frames, found: Frames, expected: Frames | None = None) -> Worst:
        """`found` next to what the source makes of `frames`, or those frames of it that are found.

        If a value is beyond its tolerance, the source runs in float64 too, and with inputs an ulp away, over that
        sequence: it may be the source's own rounding, there, in usual frames, or with the functions of the runtime.
        """
        expected = self.reference(frames) if expected is None else expected
        known: dict[str, Rounding] = {}
        worst, done = self._worst(found, expected, known), Counter[int]()
        while worst.ratio > 1 and not self.tolerance.promised:
            one, known = worst.sequence, known or nothing_rounded(expected)
            looks = self._rounding.looks(one)
            if done[one] == len(looks):
                break
            parts = [{name: array[one : one + 1] for name, array in each.items()} for each in (frames, expected)]
            for name, rounding in looks[done[one]](*parts).items():
                # Of every output of the source; a road may show some of them.
                if name in known:
                    known[name].add(one, rounding)
            done[one] += 1
            worst = self._worst(found, expected, known)
        one = worst.sequence
        return replace(worst, inputs={name: array[one : one + 1] for name, array in frames.items()})

    def _worst(self, found: Frames, expected: Frames, rounding: Mapping[str, Rounding]) -> Worst:
        return worst_of(
            _beside(name, found[name], array, self.tolerance, rounding.get(name, _NONE))
            for name, array in expected.items()
        )


def worst_of(every: Iterable[Worst]) -> Worst:
    """The one with the largest ratio; a value without an error if there is none."""
    return max(every, key=lambda one: one.ratio, default=Worst())


def _beside(name: str, found: Array, expected: Array, tolerance: Tolerance, rounding: Rounding) -> Worst:
    if found.shape != expected.shape:
        text = f"output {name!r}: expected the shape {expected.shape}, found {found.shape}"
        return Worst(np.inf, np.inf, value=text)
    if not expected.size:
        return Worst()
    found, rows = (array.reshape(*array.shape[:2], -1) for array in (found, expected))
    rounding = rounding.like(rows.shape)
    floor = tolerance.floor(rows)
    # What follows from a NaN is none either; an infinity, such as the logarithm of nothing, is by itself.
    lost = np.logical_or.accumulate(np.isnan(rows).any(axis=2), axis=1)
    width = max(1, _BLOCK // lost.size)
    worst = max(
        _of_channels(slice(first, first + width), found, rows, lost, tolerance, floor, rounding)
        for first in range(0, rows.shape[2], width)
    )
    at = (-worst.sequence, -worst.frame, -worst.channel)
    channel = tuple(int(i) for i in np.unravel_index(at[2], expected.shape[2:]))
    value = (
        f"output {name!r}, sequence {at[0]}, frame {at[1]}, channel {channel}: expected "
        f"{float(rows[at]):.6g}, found {float(found[at]):.6g}"
    )
    scale = max(1.0, worst.allowed / tolerance.share)
    return Worst(worst.ratio, worst.error, worst.allowed, scale, value, at[0], at[1])


class _Largest(NamedTuple):
    """The value that is worst of some channels; places are negative, so that the first of equal ones is the largest."""

    ratio: float
    sequence: int
    frame: int
    channel: int
    error: float
    allowed: float


def _of_channels(
    part: slice,
    found: Array,
    expected: Array,
    lost: Array,
    tolerance: Tolerance,
    floor: Array | float,
    rounding: Rounding,
) -> _Largest:
    """Of a part of the channels, (batch, time, channel): a long wide output would take its size ten times over."""
    expected = expected[..., part]
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(found[..., part].astype(np.float64) - expected.astype(np.float64))
    error = np.where(np.isnan(error), np.inf, error)
    if expected.dtype.kind != "f":
        # Above 2^53 a difference of 1 is lost in float64.
        error = np.maximum(error, found[..., part] != expected)
    error[np.isinf(expected)] = 0.0
    error[lost] = 0.0
    amount = rounding.amount[..., part]
    error[rounding.unbounded[..., part]] = 0.0
    allowed = tolerance.allowed(expected, amount, floor)
    # What is no number is never rounding, unless an ulp makes it none in the source too.
    compared = np.isfinite(error) & np.isfinite(allowed) & (allowed > 0)
    ratio = np.where((error == 0) | (np.isfinite(error) & np.isinf(allowed)), 0.0, np.inf)
    np.divide(error, allowed, out=ratio, where=compared)
    at = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
    sequence, frame, channel = (-int(i) for i in at)
    return _Largest(float(ratio[at]), sequence, frame, channel - part.start, float(error[at]), float(allowed[at]))
