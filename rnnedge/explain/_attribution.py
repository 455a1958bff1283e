"""Which input at which time made one output what it is: shares of a difference, and what they are a difference from.

The baseline is what "nothing happened" means, and every share is a difference from it. It is reported with the shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnedge.explain._outputs import Target
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError


@dataclass(frozen=True, eq=False)
class Attribution:
    """`shares` float64 (time, feature) add up to `output` - `baseline_output`, but for `gap`.

    `method`, `baseline`, `detail`: in words. Of an occlusion they are the falls of the output, which need not add up.
    """

    method: str
    target: Target
    shares: Array
    output: float
    baseline_output: float
    baseline: str
    detail: str

    @property
    def difference(self) -> float:
        """f(input) - f(baseline)."""
        return self.output - self.baseline_output

    @property
    def gap(self) -> float:
        """How far the sum of the shares is from the difference, as a share of it."""
        size = abs(self.difference)
        return abs(float(self.shares.sum()) - self.difference) / size if size > 0 else float(abs(self.shares.sum()))

    @property
    def by_frame(self) -> Array:
        """Sum of the magnitudes in every frame (time,)."""
        return np.asarray(np.abs(self.shares).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Baseline:
    """The input that stands for "nothing happened", of the shape of the frames, and what it is in words."""

    frames: Array
    words: str


def baseline_of(frames: Array, given: str | Array | None, mean: tuple[float, ...] = ()) -> Baseline:
    """What `given` asks for: "zero", "mean" (the mean frame of this sequence), or an array (time, ...) or of one frame.

    By default the mean of the training data where the network normalizes by it, else zero.
    """
    if isinstance(given, np.ndarray):
        try:
            return Baseline(np.broadcast_to(given, frames.shape).astype(frames.dtype), "frames given for it")
        except ValueError:
            raise InputError(f"baseline: expected shape {frames.shape}, or one frame, found {given.shape}") from None
    if given == "mean":
        return Baseline(np.broadcast_to(frames.mean(axis=0), frames.shape).astype(frames.dtype),
                        "the mean frame of this sequence")  # fmt: skip
    if given is None and mean:
        return Baseline(np.broadcast_to(np.array(mean, frames.dtype), frames.shape), "the mean of the training data")
    if given not in (None, "zero"):
        raise InputError(f"baseline: expected zero, mean or frames, found {given!r}")
    return Baseline(
        np.zeros_like(frames), "zero in every frame" if frames.dtype.kind == "f" else "token 0 in every frame"
    )
