"""Which new streams are in a share of all: those with a name by it, the others in turn."""

from __future__ import annotations

from hashlib import blake2b

# The golden ratio: multiples of it, without their whole parts, fill every share evenly.
_STEP = 0.6180339887498949


class Share:
    """`size`: of all new streams, above 0 and at most 1."""

    def __init__(self, size: float) -> None:
        self.size, self._at = size, 0.0

    def takes(self, name: str) -> bool:
        """Whether this stream is in the share; of a name on every server alike, and in a larger share too."""
        if self.size == 1:
            return True
        if name:
            place = int.from_bytes(blake2b(name.encode(), digest_size=6).digest(), "little") / (1 << 48)
        else:
            place = self._at = (self._at + _STEP) % 1
        return place < self.size
