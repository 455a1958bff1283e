"""The source's own rounding: how far its float32 is from float64, as it is and with inputs an ulp away.

A few frames may be rounded well by chance, so a hundred usual ones count as well where these are not enough; and at
last the source with the functions of the runtime, which round in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from rnnedge_export.reference import Reference
from rnnedge_export.verification.past_the_end import frames_at_the_start, frames_past_the_end
from rnnedge_export.verification.runtime_functions import RuntimeFunctions
from rnnedge_export.verification.tolerance import distance
from rnnedge_export.verification.zero_signs import SIGNS, ZeroSigns
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import RnnEdgeError

Frames = Mapping[str, Array]
_SEED, _FRAMES, _SEQUENCES = 30, 131, 4
_NUDGES, _NUDGE, _MOST_ROUNDING = 3, 4 * 2.0**-23, 1e-3


@dataclass(frozen=True, eq=False)
class Rounding:
    """Of every value (batch, time, ...) of an output.

    `amount`: the largest rounding of its channel; infinite for a value that takes a step for an ulp: the phase of a bin
    that holds nothing but rounding is any angle, and no program has the same one; of a bin of nothing it is a matter of
    signs. `unbounded`: where such a step leads to no number in the source itself, as a division by a difference does.
    """

    amount: Array
    unbounded: Array

    def add(self, sequence: int, more: Rounding) -> None:
        """What was found of one sequence."""
        self.amount[sequence] = np.maximum(self.amount[sequence], more.amount[0])
        self.unbounded[sequence] |= more.unbounded[0]

    def like(self, shape: tuple[int, ...]) -> Rounding:
        """The same with channels on one axis."""
        if self.amount.size == 1:
            return Rounding(np.broadcast_to(self.amount, shape), np.broadcast_to(self.unbounded, shape))
        return Rounding(self.amount.reshape(shape), self.unbounded.reshape(shape))


def nothing_rounded(expected: Frames) -> dict[str, Rounding]:
    """Of every output, as if nothing were."""
    return {name: Rounding(np.zeros(array.shape), np.zeros(array.shape, bool)) for name, array in expected.items()}


class SourceRounding:
    """Of one source; created for one verification.

    `elsewhere`: what is verified is another engine's, which rounds where onnxruntime does not; a step is then excused
    on either side. An exporter's own mistake on an edge would be, too.
    """

    def __init__(self, reference: Reference, contract: Contract, elsewhere: bool = False) -> None:
        self.reference, self.contract, self.elsewhere = reference, contract, elsewhere
        # Whether the source has a Fourier transform, as far as is known.
        self._transforms = True

    def looks(self, sequence: int) -> tuple[Callable[[Frames, Frames], dict[str, Rounding]], ...]:
        """Of the frames of that `sequence` of a batch, and what the source makes of them or of the first ones.

        Each finds more, and costs more.
        """
        axes = {state.input: state.batch_axis for state in self.contract.contexts}
        alone = self.reference.of_sequence(sequence, axes)
        kernels = (False, True) if self.contract.form == "native" else (False,)
        functions = (partial(self._with_functions, alone, each) for each in kernels)
        return partial(self._here, alone), self._usually, *functions

    def _here(self, alone: Reference, frames: Frames, expected: Frames) -> dict[str, Rounding]:
        return {
            name: Rounding(np.where(jumps, np.inf, channels), jumps & unbounded)
            for name, (channels, jumps, unbounded) in self._measured(alone, frames, expected).items()
        }

    def _usually(self, frames: Frames, expected: Frames) -> dict[str, Rounding]:
        return {name: Rounding(array, np.zeros_like(array, bool)) for name, array in self._usual.items()}

    def _with_functions(self, alone: Reference, kernels: bool, frames: Frames, expected: Frames) -> dict[str, Rounding]:
        """What they change by more than rounding does is not rounding; nothing of a source that does not take them.

        A whole number or truth value that they change is a step: which of two equal states is the largest.
        """
        try:
            with RuntimeFunctions(kernels=kernels):
                other = alone.raw(frames)
        except RnnEdgeError:
            return {}
        exact, found = alone.in_float64(frames), {}
        for name, array in expected.items():
            until = array.shape[1]
            base = exact.get(name, array)[:, :until]
            apart = distance(other[name][:, :until], base)
            if array.dtype.kind != "f":
                found[name] = Rounding(np.where(apart > 0, np.inf, 0.0), np.zeros(array.shape, bool))
                continue
            amount = np.where(apart > _most(base), 0.0, apart).max(axis=1, keepdims=True, initial=0.0)
            found[name] = Rounding(amount, np.zeros_like(amount, bool))
        return found

    @cached_property
    def _usual(self) -> dict[str, Array]:
        """Of each channel, (1, 1, ...), in some hundred frames."""
        contract, rng = self.contract, np.random.default_rng(_SEED)
        calls = _FRAMES * max(contract.unit, 1 + frames_past_the_end(contract))
        length = self.reference.lengths.at_least(frames_at_the_start(contract) + calls)
        frames = self.reference.frames(_SEQUENCES if contract.batch is None else contract.batch, length, rng)
        found = self._measured(self.reference, frames, self.reference.raw(frames))
        return {name: array.max(axis=0, keepdims=True, initial=0.0) for name, (array, _, _) in found.items()}

    def _signed(self, reference: Reference, frames: Frames) -> list[Frames]:
        """The source with either sign of every bin of a spectrum that is zero; nothing if there is no such bin."""
        found: list[Frames] = []
        for one in SIGNS if self._transforms else ():
            with ZeroSigns(*one) as signs:
                found.append(reference.raw(frames))
            self._transforms = signs.transforms
            if not signs.zeros:
                return []
        return found

    def _measured(
        self, reference: Reference, frames: Frames, expected: Frames
    ) -> dict[str, tuple[Array, Array, Array]]:
        """(rounding of each channel (batch, 1, ...), which values are steps, which of them are no number then)."""
        exact, rng = reference.in_float64(frames), np.random.default_rng(_SEED)
        nudges = [_nudged(frames, rng) for _ in range(_NUDGES)]
        if self.elsewhere:
            # The opposite of the first: a step is on one side of a value that stands on it.
            nudges[1] = _nudged(frames, np.random.default_rng(_SEED), -1)
        nudged = [reference.raw(each) for each in nudges]
        signed = self._signed(reference, frames)
        found = {}
        for name, array in expected.items():
            # A way through the runtime may show the first frames only.
            until = array.shape[1]
            others = [run[name][:, :until] for run in (*nudged, *signed)]
            base = exact.get(name, array)[:, :until]
            apart = np.maximum.reduce([distance(other, base) for other in others[:_NUDGES]])
            most = _most(base)
            turned = np.maximum.reduce([0 * apart, *(distance(other, array) for other in others[_NUDGES:])])
            jumps = (apart > most) | (turned > most)
            rounding = np.where(jumps, 0.0, np.maximum(apart, distance(array, base)))
            unbounded = ~np.logical_and.reduce([np.isfinite(other) for other in (*others, base)])
            found[name] = rounding.max(axis=1, keepdims=True, initial=0.0), jumps, unbounded
        return found


def _most(exact: Array) -> Array:
    """Of each channel; more is a step."""
    found: Array = _MOST_ROUNDING * _sizes(exact).max(axis=1, keepdims=True, initial=0.0)
    return found


def _sizes(exact: Array) -> Array:
    """Of what float32 has; the others count as 0."""
    with np.errstate(over="ignore"):
        sizes: Array = np.abs(exact.astype(np.float32))
    return np.where(np.isfinite(sizes), sizes, 0)


def _nudged(frames: Frames, rng: np.random.Generator, side: int = 1) -> dict[str, Array]:
    """Every number four ulps of the loudest one of its sequence so far up or down, as long sums of them round.

    Zeros and tokens are as they are: what a network makes of digital silence is no rounding.
    """
    found = {}
    for name, array in frames.items():
        if array.dtype.kind == "f":
            loudest = np.abs(array).max(axis=tuple(range(2, array.ndim)), keepdims=True, initial=0.0)
            loudest = np.maximum.accumulate(loudest, axis=1)
            nudge = rng.choice(np.array([-side * _NUDGE, side * _NUDGE], np.float32), array.shape) * loudest
            found[name] = np.where(array == 0, array, array + nudge).astype(array.dtype)
        else:
            found[name] = array
    return found
