"""How far each value of an output may be from the source's.

A value has the tolerance of its channel and its frame:

    allowed[t, c] = share * max(floor, max of |expected[0..t, c]|)        of one sequence

so that a quiet channel is not measured by a loud one, nor an early frame by a late one. `floor` is what the sums behind
a small value may be made of:

1. A file that promises a tolerance of its own (fewer bits, or `tolerance=`) promises it for outputs up to 1: floor 1.
2. Machine code next to onnxruntime, whose functions are other polynomials: the largest value of that output.
3. Else a twentieth of the largest value of that output, at most of 1: four roundings of it, in float32.

Whole numbers and truth values are equal or not, however large: half of one is allowed, but where a file promises more.

Whose rounding is it? If the source itself, in float32, differs from the same in float64 by more than that, the
tolerance is `ROUNDINGS` times that difference: two programs that round in different orders are both that far off.
Rounding is a matter of chance, so inputs an ulp away count as well, the same equations with the runtime's sigmoid and
tanh (`runtime_functions.py`), and the largest in the channel for every frame. A value of the source that takes a step
for an ulp (the angle of a sum that is nothing but rounding) is not compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnedge_runtime.contract import Array, Contract

SHARE = 1e-5
ROUNDINGS = 4.0
_FLOOR = 5e-2
_PROMISED = 1.0
_WHOLE = 0.5
_BLOCK = 1 << 19
"""Values that are looked at together."""


@dataclass(frozen=True)
class Tolerance:
    """`share` of a channel's largest value so far; `promised`: for outputs up to 1, case 1; `of_output`: case 2."""

    share: float = SHARE
    promised: bool = False
    of_output: bool = False

    @classmethod
    def of(cls, contract: Contract) -> Tolerance:
        """The one that a file says, or the usual one."""
        said = contract.provenance.get("tolerance")
        return cls() if said is None else cls(float(said), promised=True)

    def allowed(self, expected: Array, rounding: Array | float = 0.0, floor: Array | float | None = None) -> Array:
        """Of each value of `expected` (batch, time, ...); `rounding`: by how much float32 differs from float64.

        `floor`: that of the whole output, where `expected` is some of its channels.
        """
        sizes = np.abs(_finite(expected))
        floor = self.floor(expected) if floor is None else floor
        found: Array = self.share * np.maximum(_so_far(sizes), floor)
        if expected.dtype.kind != "f" and not self.promised:
            found = np.minimum(found, _WHOLE)
        return np.maximum(found, ROUNDINGS * rounding)

    def floor(self, expected: Array) -> Array | float:
        """What a small value is measured by: a number, or one for each sequence of `expected`."""
        if self.promised:
            return _PROMISED
        largest = np.array([_largest(sequence) for sequence in expected], np.float64)
        if self.of_output:
            return largest.reshape(-1, *(1 for _ in expected.shape[1:]))
        return _FLOOR * min(1.0, float(largest.max(initial=0)))


def _largest(sequence: Array) -> float:
    """The size of the largest finite value, (time, ...), found in parts: a long wide output is large."""
    step = max(1, _BLOCK // max(1, sequence[:1].size))
    parts = (np.abs(sequence[start : start + step]) for start in range(0, len(sequence), step))
    return max((float(part.max(where=np.isfinite(part), initial=0)) for part in parts), default=0.0)


def distance(one: Array, other: Array) -> Array:
    """Of each value; what is not finite counts as 0."""
    found: Array = np.abs(_finite(one) - _finite(other))
    return found


def _so_far(sizes: Array) -> Array:
    return np.maximum.accumulate(sizes, axis=1) if sizes.size else sizes


def _finite(array: Array) -> Array:
    wide: Array = array.astype(np.float64)
    return np.where(np.isfinite(wide), wide, 0.0)
