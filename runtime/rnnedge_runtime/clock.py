"""When the frames of a value come, relative to the frames of the input."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

Length = tuple[tuple[int, int, int], ...]
"""Steps from the length of the input to the length of a value: n -> max(0, (a * n + b) // c) for each (a, b, c)."""


@dataclass(frozen=True)
class Clock:
    """The frames of one value in a stream.

    `rate`: frames per input frame; a call of n input frames brings exactly rate * n, early in a stream too.
    `delay`: how many of the first of them stand before frame 0, and mean nothing. If it is negative, that many frames
    are constants that no call brings; inner values only have such.
    `length`: what the source module makes of a whole sequence.
    """

    rate: Fraction = Fraction(1)
    delay: int = 0
    length: Length = ()

    def frames(self, inputs: int) -> int:
        """Frames that come with `inputs` input frames."""
        return self.rate.numerator * inputs // self.rate.denominator

    def valid(self, total: int) -> int:
        """Frames that a sequence of `total` input frames has in the source module."""
        for a, b, c in self.length:
            total = max(0, (a * total + b) // c)
        return total

    @property
    def lookahead(self) -> int:
        """Further input frames that a frame waits for."""
        return -(-self.delay * self.rate.denominator // self.rate.numerator)


EVERY_FRAME = Clock()
