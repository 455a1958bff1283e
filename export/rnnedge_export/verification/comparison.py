"""What a file gives beside what its source gives, value by value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from rnnedge_export.reference import Reference
from rnnedge_export.verification.past_the_end import frames_at_the_start, frames_past_the_end
from rnnedge_export.verification.tolerance import Tolerance, distance
from rnnedge_export.verification.zero_signs import SIGNS, ZeroSigns
from rnnedge_runtime.contract import Array
from rnnedge_runtime.golden import stream_all
from rnnedge_runtime.model import Model

Frames = Mapping[str, Array]
_SEED, _FRAMES, _SEQUENCES = 30, 131, 4
_NUDGES, _NUDGE, _MOST_ROUNDING = 3, 4 * 2.0**-23, 1e-3
_NONE = np.zeros(())
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
    """A loaded file, its source, and the tolerance; made for one verification."""

    def __init__(self, model: Model, reference: Reference, tolerance: Tolerance | None = None) -> None:
        self.model, self.reference = model, reference
        self.tolerance = tolerance or Tolerance.of(model.contract)
        # Whether the source has a Fourier transform, as far as is known.
        self._transforms = True

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
        """`found` beside what the source makes of `frames`, or those frames of it that are found.

        If a value is beyond its tolerance, the source runs in float64 too, and with inputs an ulp away: it may be the
        source's own rounding.
        """
        expected = self.reference(frames) if expected is None else expected
        worst = self._worst(found, expected, {})
        if worst.ratio > 1 and not self.tolerance.promised:
            worst = self._worst(found, expected, self._rounding(frames, expected))
        one = slice(worst.sequence, worst.sequence + 1)
        return replace(worst, inputs={name: array[one] for name, array in frames.items()})

    def _worst(self, found: Frames, expected: Frames, rounding: Mapping[str, Array]) -> Worst:
        return worst_of(
            _beside(name, found[name], array, self.tolerance, rounding.get(name, _NONE))
            for name, array in expected.items()
        )

    def _rounding(self, frames: Frames, expected: Frames) -> dict[str, Array]:
        """Of each value: of its channel, in `frames` or in usual ones (a few frames may be rounded well by chance)."""
        here = self._measured(frames, expected)
        return {
            name: np.where(jumps, np.inf, np.maximum(rounding, self._usual_rounding[name]))
            for name, (rounding, jumps) in here.items()
        }

    @cached_property
    def _usual_rounding(self) -> dict[str, Array]:
        """Of each channel, (1, 1, ...), in some hundred frames."""
        contract, rng = self.model.contract, np.random.default_rng(_SEED)
        calls = _FRAMES * max(contract.unit, 1 + frames_past_the_end(contract))
        length = self.reference.lengths.at_least(frames_at_the_start(contract) + calls)
        frames = self.reference.frames(_SEQUENCES if contract.batch is None else contract.batch, length, rng)
        found = self._measured(frames, self.reference.raw(frames))
        return {name: array.max(axis=0, keepdims=True, initial=0.0) for name, (array, _) in found.items()}

    def _signed(self, frames: Frames) -> list[Frames]:
        """The source with either sign of every bin of a spectrum that is zero; nothing where there is no such bin."""
        found: list[Frames] = []
        for one in SIGNS if self._transforms else ():
            with ZeroSigns(*one) as signs:
                found.append(self.reference.raw(frames))
            self._transforms = signs.transforms
            if not signs.zeros:
                return []
        return found

    def _measured(self, frames: Frames, expected: Frames) -> dict[str, tuple[Array, Array]]:
        """How far float32 is from float64 (from itself, if there is none), as it is and with inputs an ulp away.

        Of each channel (batch, 1, ...), and which values (batch, time, ...) are steps: the phase of a bin that holds
        nothing but rounding is any angle, and no program has the same one; of a bin of nothing it is a matter of signs.
        """
        exact, rng = self.reference.in_float64(frames), np.random.default_rng(_SEED)
        nudged = [self.reference.raw(_nudged(frames, rng)) for _ in range(_NUDGES)]
        signed = self._signed(frames)
        found = {}
        for name, array in expected.items():
            # A way through the runtime may show the first frames only.
            until = array.shape[1]
            base = exact.get(name, array)[:, :until]
            apart = np.maximum.reduce([distance(run[name][:, :until], base) for run in nudged])
            most = _MOST_ROUNDING * np.abs(np.nan_to_num(base)).max(axis=1, keepdims=True, initial=0.0)
            turned = np.maximum.reduce([0 * apart, *(distance(run[name][:, :until], array) for run in signed)])
            jumps = (apart > most) | (turned > most)
            rounding = np.where(jumps, 0.0, np.maximum(apart, distance(array, base)))
            found[name] = rounding.max(axis=1, keepdims=True, initial=0.0), jumps
        return found


def _nudged(frames: Frames, rng: np.random.Generator) -> dict[str, Array]:
    """Every number four ulps of the loudest one of its sequence up or down, as long sums of them round.

    Zeros and tokens are as they are: what a network makes of digital silence is no rounding.
    """
    found = {}
    for name, array in frames.items():
        if array.dtype.kind == "f":
            loudest = np.abs(array).max(axis=tuple(range(1, array.ndim)), keepdims=True, initial=0.0)
            nudge = rng.choice(np.array([-_NUDGE, _NUDGE], np.float32), array.shape) * loudest
            found[name] = np.where(array == 0, array, array + nudge).astype(array.dtype)
        else:
            found[name] = array
    return found


def worst_of(every: Iterable[Worst]) -> Worst:
    """The one with the largest ratio; a value without an error if there is none."""
    return max(every, key=lambda one: one.ratio, default=Worst())


def _beside(name: str, found: Array, expected: Array, tolerance: Tolerance, rounding: Array) -> Worst:
    if found.shape != expected.shape:
        text = f"output {name!r}: expected the shape {expected.shape}, found {found.shape}"
        return Worst(np.inf, np.inf, value=text)
    if not expected.size:
        return Worst()
    found, rows = (array.reshape(*array.shape[:2], -1) for array in (found, expected))
    rounding = rounding.reshape(rows.shape) if rounding.ndim else rounding
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
    rounding: Array,
) -> _Largest:
    """Of a part of the channels, (batch, time, channel): a long wide output would take its size ten times over."""
    expected = expected[..., part]
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(found[..., part].astype(np.float64) - expected.astype(np.float64))
    error = np.where(np.isnan(error), np.inf, error)
    error[np.isinf(expected)] = 0.0
    error[lost] = 0.0
    allowed = tolerance.allowed(expected, rounding[..., part] if rounding.ndim else rounding, floor)
    # What is no number is never rounding, also where nothing is compared.
    compared = np.isfinite(error) & np.isfinite(allowed) & (allowed > 0)
    ratio = np.where((error == 0) | (np.isfinite(error) & np.isinf(allowed)), 0.0, np.inf)
    np.divide(error, allowed, out=ratio, where=compared)
    at = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
    sequence, frame, channel = (-int(i) for i in at)
    return _Largest(float(ratio[at]), sequence, frame, channel - part.start, float(error[at]), float(allowed[at]))
