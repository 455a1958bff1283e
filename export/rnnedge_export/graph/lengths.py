"""The lengths of whole sequences that a module takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lengths:
    """The whole sequences that the source module takes: `least` frames, or multiples of `grain` more.

    `pairs`: it computes with pairs of frames, though what it computes is a recurrence.
    """

    least: int = 1
    grain: int = 1
    pairs: bool = False

    def at_least(self, frames: int) -> int:
        """The first length from `frames` on."""
        return max(self.least, self.least + -(-(frames - self.least) // self.grain) * self.grain)

    @property
    def totals(self) -> tuple[int, ...]:
        """Some lengths, short and long."""
        return tuple(self.least + self.grain * k for k in (0, 1, 2, 3, 7, 16, 63))

    @property
    def samples(self) -> tuple[int, ...]:
        """Lengths that tell apart what becomes of a remainder: many in a row, and some far away."""
        far = (1009, 4096, 4435200, 8870400 + 7)
        return tuple(self.least + self.grain * k for k in (*range(64), *far))


ANY_LENGTH = Lengths()
