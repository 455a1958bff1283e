"""The checks of a file against its source, in the runtime that a device uses.

1. Parity: whole sequences of 1, 2, 7 and 131 frames, in batches of 1 and 3.
2. Chunking: random cuts of a sequence, empty pushes among them, give what the whole gives.
3. Drift: 10,000 chained frames; the error is bounded at the end as it is at the beginning. 2,048 if the source lets
   every frame attend to every other, which takes memory with the square of the length.
4. A NaN is refused by name and leaves the stream as it was.

The numbers are those of `Effort`; the tolerance is that of `Tolerance`.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np

from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.reference import Reference
from rnnedge_export.verification.comparison import Comparison, Worst, worst_of
from rnnedge_export.verification.effort import Effort
from rnnedge_export.verification.report import Check, Verification
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.golden import stream_all
from rnnedge_runtime.model import Model

CHAINED_FRAMES_OF_ATTENTION = 2048
_SEED = 20

Result = tuple[str, Worst]


class Proof:
    """One run of every check over one file; created by `check_against`."""

    def __init__(self, model: Model, reference: Reference, effort: Effort) -> None:
        self.model, self.reference, self.effort = model, reference, effort
        self.compare = Comparison(model, reference)
        self.contract = model.contract

    @property
    def batches(self) -> tuple[int, ...]:
        """Those that the file takes."""
        return self.effort.batches if self.contract.batch is None else (self.contract.batch,)

    @property
    def lengths(self) -> list[int]:
        """Short, odd and long sequences, those among them that the source takes."""
        contract = self.contract
        whole = Lengths(contract.least, contract.grain)
        scale = max(contract.unit, 1 + contract.lookahead)
        multiples = [length * scale + (length == 2) for length in self.effort.lengths]
        return sorted({whole.at_least(length) for length in (*self.effort.lengths, *multiples)})

    def parity(self) -> Result:
        """Case 1."""
        rng = np.random.default_rng(_SEED)
        every = [self.reference.frames(batch, length, rng) for batch in self.batches for length in self.lengths]
        worst = worst_of([self.compare.streamed(frames) for frames in every])
        return f"lengths {_listed(self.lengths)}; batches {_listed(self.batches)}", worst

    def chunking(self) -> Result:
        """Case 2."""
        rng = np.random.default_rng(_SEED + 1)
        results, longest = [], self.lengths[-1]
        for batch in self.batches:
            frames = self.reference.frames(batch, longest, rng)
            expected = self.reference(frames)
            for pieces in (3, 17, 64):
                cuts = sorted(int(c) for c in rng.integers(0, longest + 1, pieces))
                results.append(self.compare.of(frames, self.compare.stream(frames, cuts), expected))
        return "random cuttings into up to 65 pieces, equal to the whole", worst_of(results)

    def drift(self) -> Result:
        """Case 3."""
        rng = np.random.default_rng(_SEED + 2)
        chained = int(self.contract.provenance.get("chained_frames", self.effort.frames))
        total = self.reference.lengths.at_least(chained)
        frames = self.reference.frames(1, total, rng)
        cuts = np.cumsum(rng.integers(1, 64, chained // 32) * self.contract.unit)
        return f"{total:,} chained frames", self.compare.streamed(frames, [int(c) for c in cuts if c < total])

    def non_finite(self) -> Result:
        """Case 4."""
        frames = self.reference.frames(1, self.reference.lengths.at_least(5), np.random.default_rng(_SEED + 3))
        one = {name: value[0] for name, value in frames.items()}
        name = next(port.name for port in self.contract.inputs if port.dtype.startswith("float"))
        poisoned = one[name].copy()
        poisoned.reshape(len(poisoned), -1)[2, 0] = np.nan
        stream, detail = self.model.stream(), "a NaN is refused, the state untouched"
        try:
            stream.push(one | {name: poisoned})
        except InputError:
            found = {output: array[None] for output, array in stream_all(stream, one).items()}
            return detail, self.compare.of(frames, found)
        return detail, Worst(np.inf, np.inf, place=f"input {name!r}: a NaN in frame 2 was taken")

    def every(self) -> list[tuple[str, str, Callable[[], Result]]]:
        """(name, what progress is told, check), in order."""
        checks = [
            ("parity", "parity", self.parity),
            ("any chunking", "chunking", self.chunking),
            ("drift", "drift", self.drift),
        ]
        if any(port.dtype.startswith("float") for port in self.contract.inputs):
            checks.append(("non-finite input", "non-finite input", self.non_finite))
        return checks


def check_against(
    model: Model, reference: Reference, say: Callable[[str], None] = lambda _: None, effort: Effort | None = None
) -> Verification:
    """Run every check of a loaded model against the source, `effort` hard (`Effort()` by default)."""
    proof, checks = Proof(model, reference, effort or Effort()), []
    for name, stage, check in proof.every():
        say(stage)
        began = perf_counter()
        detail, worst = check()
        checks.append(
            Check(name, detail, worst.error, worst.tolerance, worst.scale, worst.place, perf_counter() - began)
        )
    return Verification(tuple(checks))


def _listed(numbers: tuple[int, ...] | list[int]) -> str:
    return ", ".join(map(str, numbers))
