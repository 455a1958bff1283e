"""One sequence with what it should give, before classes have numbers and parts are held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class Recording:
    """`frames` (time, feature) float32; `target` a class, (time,) classes as str objects, or (time, output) float32.

    `name` says in a message which sequence it is; `group` is shared by what may not be in two parts, "" for none.
    """

    name: str
    frames: Array
    target: str | Array
    group: str = ""

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.frames)

    def cut(self, start: int, stop: int) -> Recording:
        """Frames `start` to `stop`, with their targets."""
        target = self.target if isinstance(self.target, str) else self.target[start:stop]
        return Recording(self.name, self.frames[start:stop], target, self.group)


@dataclass(frozen=True, eq=False)
class Recordings:
    """The sequences of one file or folder, and what it says of their rate and columns; `format`: of its files."""

    sequences: tuple[Recording, ...]
    features: tuple[str, ...]
    target: tuple[str, ...]
    frame_rate_hz: float | None = None
    format: str = ""
