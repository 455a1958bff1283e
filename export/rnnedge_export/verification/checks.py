"""The checks of a file against its source, in the runtime that a device uses.

1. Parity: whole sequences of 1, 2, 7 and 131 frames, in batches of 1 and 3.
2. Chunking: random cuts of a sequence, empty pushes among them, give what the whole gives.
3. Drift: 10,000 chained frames; the error is bounded at the end as it is at the beginning. 2,048 if the source lets
   every frame attend to every other, which takes memory with the square of the length.
4. A NaN is refused by name and leaves the stream as it was.
5. Signals as in life, for float32: fewer bits hold within the range that they were fitted to.
6. Roads: array pushes, step, reset, snapshots, a pool, batches of 2 and 5, a push longer than a piece.
7. Inputs and outputs have the names and the order of the source.
8. The golden sample is the source's own, and its tolerance no wider than the file's. Where the caller gives a
   tolerance (a library of a file from elsewhere), the sample's own is not looked at.

The numbers are those of `Effort`; the tolerance is that of `Tolerance`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from rnnedge_export.effort import Effort
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.recordings import Recording
from rnnedge_export.reference import Reference
from rnnedge_export.verification.batch_roads import batched, crowded
from rnnedge_export.verification.comparison import Comparison, Worst, worst_of
from rnnedge_export.verification.golden_sample import replayed
from rnnedge_export.verification.past_the_end import frames_at_the_start, frames_past_the_end
from rnnedge_export.verification.road_parts import with_gaps
from rnnedge_export.verification.roads import GAPS, ROADS
from rnnedge_export.verification.samples import frames_in_words, sequences
from rnnedge_export.verification.signals import signals
from rnnedge_export.verification.tolerance import Tolerance
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError, RnnEdgeError
from rnnedge_runtime.golden import stream_all
from rnnedge_runtime.model import Model

CHAINED_FRAMES_OF_ATTENTION = 2048
_SEED = 20
_UNEVEN, _SIGNAL_FRAMES, _SIGNAL_CALLS, _ROAD_CALLS, _BATCH_CALLS = 7, 48, 16, 12, 12
_BATCHES = (2, 5)
# A pool has groups of every size up to 8, and then of even ones.
_CROWD = 10

Result = tuple[str, Worst]


class Checks:
    """What is compared of one file; created by `check_against`."""

    def __init__(
        self,
        model: Model,
        reference: Reference,
        effort: Effort,
        samples: Sequence[Recording] = (),
        tolerance: Tolerance | None = None,
    ) -> None:
        """`samples`: recordings, each (time, ...) by input name. `tolerance`: None for the one that the file says."""
        self.model, self.reference, self.effort, self.samples = model, reference, effort, samples
        self.compare = Comparison(model, reference, tolerance)
        self.given_tolerance = tolerance
        self.contract = model.contract

    @property
    def usual(self) -> str:
        """What frames that show nothing special are."""
        return frames_in_words(self.contract, recorded=self.reference.recorded, numbers=self.reference.numbers_in_words)

    @property
    def chained(self) -> int:
        """Frames of the longest run."""
        return int(self.contract.provenance.get("chained_frames", self.effort.frames))

    @property
    def batches(self) -> tuple[int, ...]:
        """Those that the file takes."""
        return self.effort.batches if self.contract.batch is None else (self.contract.batch,)

    @property
    def lengths(self) -> list[int]:
        """Short, odd and long sequences, those among them that the source takes."""
        contract = self.contract
        whole = Lengths(contract.least, contract.grain)
        scale, start = max(contract.unit, 1 + frames_past_the_end(contract)), frames_at_the_start(contract)
        multiples = [start + length * scale + (length == 2) for length in self.effort.lengths]
        return sorted({whole.at_least(length) for length in (*self.effort.lengths, *multiples)})

    def parity(self) -> Result:
        """Case 1."""
        rng = np.random.default_rng(_SEED)
        every = [self.reference.frames(batch, length, rng) for batch in self.batches for length in self.lengths]
        worst = worst_of([*(self.compare.streamed(frames) for frames in every), *self._uneven(rng)])
        return f"lengths {_listed(self.lengths)}; batches {_listed(self.batches)}", worst.on(self.usual, "one push")

    def _uneven(self, rng: np.random.Generator) -> Iterator[Worst]:
        """Sequences that end between two lengths that the source takes: it gets zeros up to the next one."""
        grain, whole = self.contract.grain, self.reference.lengths.at_least(_UNEVEN)
        for more in sorted({1, grain - 1}) if grain > 1 else ():
            frames = self.reference.frames(1, whole + more, rng)
            padded = {n: np.pad(a, [(0, (grain - more) * (k == 1)) for k in range(a.ndim)]) for n, a in frames.items()}
            yield self.compare.of(padded, self.compare.stream(frames))

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
        return "random cuttings into up to 65 pieces, equal to the whole", worst_of(results).on(self.usual, "cuts")

    def drift(self) -> Result:
        """Case 3."""
        rng = np.random.default_rng(_SEED + 2)
        chained = self.chained
        total = self.reference.lengths.at_least(chained)
        frames = self.reference.frames(1, total, rng)
        # Of more sizes than a stream keeps buffers for.
        cuts = np.cumsum(rng.integers(1, 97, chained // 32) * self.contract.unit)
        worst = self.compare.streamed(frames, [int(c) for c in cuts if c < total])
        return f"{total:,} chained frames", worst.on(self.usual, "cuts")

    def non_finite(self) -> Result:
        """Case 4."""
        frames = self.reference.frames(1, self.reference.lengths.at_least(5), np.random.default_rng(_SEED + 3))
        one = {name: value[0] for name, value in frames.items()}
        stream, detail = self.model.stream(), "a NaN in any input is refused, the state untouched"
        for name in [port.name for port in self.contract.inputs if port.dtype.startswith("float")]:
            poisoned = one[name].copy()
            poisoned.reshape(len(poisoned), -1)[2, -1] = np.nan
            try:
                stream.push(one | {name: poisoned})
            except InputError:
                continue
            return detail, Worst(np.inf, np.inf, value=f"input {name!r}: a NaN in frame 2 was taken")
        found = {output: array[None] for output, array in stream_all(stream, one).items()}
        return detail, self.compare.of(frames, found).on(self.usual, "after a refused push")

    def signals(self) -> Result:
        """Case 5."""
        names, contract = self.effort.signals, self.contract
        time = self.reference.lengths.at_least(max(_SIGNAL_FRAMES, _SIGNAL_CALLS * contract.unit))
        frames = signals(self.reference, names, time)
        expected = self.reference.raw(frames)
        worst = self.compare.of(frames, self.streamed(frames), expected)
        detail = f"{len(names)} sequences of {time:,} frames: {', '.join(names)}"
        return detail, worst.on(names[worst.sequence], "cuts")

    def recordings(self) -> Result:
        """Case 5, for the user's own frames: all of them, of long recordings in several sequences."""
        worst, total = [], 0
        for name, frames in sequences(self.samples, self.reference.lengths, self.chained):
            whole = {key: array[None] for key, array in frames.items()}
            expected = self.reference.raw(whole)
            worst.append(self.compare.of(whole, self.streamed(whole), expected).on(name, "cuts"))
            total += len(next(iter(frames.values())))
        return f"{len(self.samples)} recordings, {total:,} frames", worst_of(worst)

    def roads(self) -> Result:
        """Case 6."""
        unit, worst = self.contract.unit, []
        time = self.reference.lengths.at_least(_ROAD_CALLS * unit + unit // 2)
        usual = self.reference.frames(1, time, np.random.default_rng(_SEED + 4))
        # What a network makes of zeros may be no number: a logarithm, a division.
        gapped = with_gaps(usual, unit)
        whole = {id(frames): self.reference.raw(frames) for frames in (usual, gapped)}
        for name in self.effort.roads:
            frames = gapped if name in GAPS else usual
            try:
                taken = ROADS[name](self.model, {key: array[0] for key, array in frames.items()})
            except RnnEdgeError as error:
                return name, Worst(np.inf, np.inf, value=str(error), road=name)
            expected = whole[id(frames)]
            shown = {key: array[None] for key, array in taken.items()}
            beside = {key: expected[key][:, : array.shape[1]] if name == "step" else expected[key]
                      for key, array in shown.items()}  # fmt: skip
            worst.append(self.compare.of(frames, shown, beside).on(self.usual, name))
        return ", ".join(self.effort.roads), worst_of(worst)

    def more(self) -> Result:
        """Case 6: other batches, and a push longer than the pieces that it is cut into."""
        rng, unit, worst = np.random.default_rng(_SEED + 5), self.contract.unit, []
        long = self.contract.piece + unit + unit // 2
        sizes = [(batch, _BATCH_CALLS * unit) for batch in _BATCHES]
        if "chained_frames" not in self.contract.provenance and self.effort.frames > self.contract.piece:
            sizes.append((1, long))
        for batch, time in sizes:
            frames = self.reference.frames(batch, self.reference.lengths.at_least(time), rng)
            road = f"batch of {batch}" if batch > 1 else "one long push"
            worst.append(self.compare.streamed(frames, [unit, 5 * unit] if batch > 1 else ()).on(self.usual, road))
        if self.effort.roads:
            worst += [self._by_rows(batched, _BATCHES[0], rng), self._by_rows(crowded, _CROWD, rng)]
        detail = ", ".join(f"{batch} x {time:,} frames" for batch, time in sizes)
        return detail, worst_of(worst)

    def _by_rows(
        self, road: Callable[[Model, Mapping[str, Array]], dict[str, Array]], rows: int, rng: np.random.Generator
    ) -> Worst:
        unit = self.contract.unit
        time = self.reference.lengths.at_least(_ROAD_CALLS * unit)
        frames = with_gaps(self.reference.frames(rows, time, rng), unit)
        expected, name = self.reference.raw(frames), f"rows of a batch, {road.__name__}"
        try:
            found = road(self.model, frames)
        except RnnEdgeError as error:
            return Worst(np.inf, np.inf, value=str(error), road=name)
        return self.compare.of(frames, found, expected).on(self.usual, name)

    def golden(self) -> Result:
        """Case 8; of fewer bits it is the file's own, which the file replays."""
        return replayed(self.compare, given=self.given_tolerance is not None)

    def streamed(self, frames: Mapping[str, Array]) -> dict[str, Array]:
        """All sequences together, or as many as the file takes."""
        size = self.contract.batch
        if size is None:
            return self.compare.stream(frames, self._cuts(frames))
        count = len(next(iter(frames.values())))
        parts = [
            self.compare.stream({n: np.repeat(a[k : k + 1], size, 0) for n, a in frames.items()}) for k in range(count)
        ]
        return {name: np.concatenate([part[name][:1] for part in parts]) for name in parts[0]}

    def _cuts(self, frames: Mapping[str, Array]) -> list[int]:
        time = next(iter(frames.values())).shape[1]
        return sorted(int(c) for c in np.random.default_rng(_SEED + 6).integers(0, time, 8))


def _listed(numbers: tuple[int, ...] | list[int]) -> str:
    return ", ".join(map(str, numbers))
