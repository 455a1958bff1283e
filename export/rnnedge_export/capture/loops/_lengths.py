"""The lengths to capture at: none is a size of the network, such as its number of features or of layers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from rnnedge_export.capture.loops._unrolled import Unrolled, shape_of

# Even and odd; a loop over features has the same number of iterations in every capture.
LENGTHS = ((9, 11, 14), (10, 13, 17), (15, 19, 22))
# Primes that no size of a layer is a multiple of; what the length would give is no straight line through them.
BATCHES = (1009, 1019, 1013)


def captured_at(capture: Callable[[int, int], Unrolled], step: int = 1) -> tuple[list[Unrolled], Sequence[int]]:
    """`capture(frames, batch)` at three lengths, and these; raises what it raises. `step`: the frames of an iteration.

    Of several frames an iteration, a window gives one more or one less than so many iterations.
    """
    for iterations in LENGTHS:
        lengths = [step * count for count in iterations]
        captured = [capture(*sizes) for sizes in zip(lengths, BATCHES, strict=True)]
        if not set.intersection(set(lengths), *(set(_sizes(each)) for each in captured)):
            break
    return captured, lengths


def _sizes(captured: Unrolled) -> Iterator[int]:
    """Of every value, and of every group of weights whose names differ by a number: of every axis, how many."""
    for node in captured.module.graph.nodes:
        yield from shape_of(node)
    yield from Counter(re.sub(r"\d+", "#", name) for name, _ in captured.weights.values()).values()
