"""How hard a file is proven: a parameter of `export`, `convert`, `adopt` and `verify`."""

from __future__ import annotations

from dataclasses import dataclass

from rnnedge_runtime.arguments import choice, integer, items, texts
from rnnedge_runtime.errors import ModelRefused

_MOST = 1 << 24
# Those of verification/signals.py and verification/roads.py.
SIGNALS = (
    "silence",
    "negative zero",
    "x 0.001",
    "zeros in features and stretches",
    "impulse",
    "step",
    "constants",
    "N(10, 1)",
    "x 30",
    "int16",
    "x 1000",
    "quarters",
    "every magnitude",
    "ramp",
    "whole numbers",
)
ROADS = (
    "array pushes",
    "sizes again",
    "run",
    "after reset",
    "snapshot elsewhere",
    "snapshot and back",
    "step",
    "pool",
    "pool, first",
    "pool, later",
    "gaps, held",
    "gaps, zeros",
    "gap, ends",
    "NaN, begins",
    "states given",
    "wrong frames",
    "other arrays",
    "run of batches",
    "pool, held",
    "pool, zeros",
)


@dataclass(frozen=True)
class Effort:
    """What a file is proven on.

    `lengths`: frames of whole sequences; those are taken that the source takes, and multiples of them for a network
    with strides or lookahead. `batches`: sequences together. `frames`: chained frames of the longest run, without a
    reset; a network of attention over everything gets fewer. `signals`: names of `SIGNALS`, sequences as in life;
    `roads`: names of `ROADS`, ways through the runtime.

    Raises `ModelRefused` for anything but whole numbers from 1, and names that there are.
    """

    lengths: tuple[int, ...] = (1, 2, 7, 131)
    batches: tuple[int, ...] = (1, 3)
    frames: int = 10_000
    signals: tuple[str, ...] = SIGNALS
    roads: tuple[str, ...] = ROADS

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ("lengths", "batches"):
            given = items(getattr(self, name), f"effort: {name}", "numbers", ModelRefused)
            found = tuple(integer(one, f"effort: {name}", 1, _MOST, ModelRefused) for one in given)
            if not found:
                raise ModelRefused(f"effort: {name}: expected at least one number, found none")
            object.__setattr__(self, name, found)
        for name, known in (("signals", SIGNALS), ("roads", ROADS)):
            named = texts(getattr(self, name), f"effort: {name}", ModelRefused)
            object.__setattr__(self, name, tuple(choice(one, f"effort: {name}", known, ModelRefused) for one in named))
        object.__setattr__(self, "frames", integer(self.frames, "effort: frames", 1, _MOST, ModelRefused))
