"""How a file with states is called, and where the batch of each state may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

_MOST_ASSIGNMENTS = 24


@dataclass(frozen=True)
class Loop:
    """How the file is called: `chunk` frames at a time (None: any number), after `context` frames of earlier calls."""

    chunk: int | None
    context: int
    batch_axis: int
    time_axis: int | None
    """None where a call takes one frame and has no axis for it."""
    per_sequence: tuple[str, ...] = ()
    """States that the file gives back as they are: contexts."""


def assignments(choices: Sequence[Sequence[int]]) -> Iterator[Sequence[int]]:
    """Axes for the batch of each state: the same one for all of a shape first; of many states no other is tried."""
    shared = [[axes[min(k, len(axes) - 1)] for axes in choices] for k in range(max(map(len, choices), default=1))]
    mixed = (list(axes) for axes in islice(product(*choices), _MOST_ASSIGNMENTS))
    if all(choices):
        yield from shared
        yield from (axes for axes in mixed if axes not in shared)
