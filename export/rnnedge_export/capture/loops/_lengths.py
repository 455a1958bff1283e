"""The lengths to capture at: none is a size of the network, such as its number of features or of layers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count

import numpy as np
from torch import nn

from rnnedge_export.capture.loops._unrolled import Unrolled, aten, shape_of

# Even and odd; a loop over features has the same number of iterations in every capture.
_FIRST, _MORE = 9, (0, 2, 5)
# Primes that no size of a layer is a multiple of; what the length would give is no straight line through them.
BATCHES = (1009, 1019, 1013)
# What takes one of many.
_ITEMS = (aten.select.int, aten.slice.Tensor, aten.unbind.int)


def captured_at(
    capture: Callable[[int, int], Unrolled], module: nn.Module, step: int = 1
) -> tuple[list[Unrolled], Sequence[int]]:
    """`capture(frames, batch)` of a module at three lengths, and these; raises what it raises.

    `step`: the frames of an iteration. Of several, a window gives one more or one less than that many iterations.
    """
    first = _free(_FIRST, {size for weight in module.state_dict().values() for size in np.shape(weight)}, step)
    captured, lengths = _captured(capture, first, step)
    taken = set.intersection(*(set(_sizes(each)) for each in captured))
    if taken.isdisjoint(_counts(first, step)):
        return captured, lengths
    return _captured(capture, _free(first + 1, taken, step), step)


def _free(least: int, taken: set[int], step: int) -> int:
    """The first length, from `least` on, of which none is in `taken`."""
    return next(first for first in count(least) if taken.isdisjoint(_counts(first, step)))


def _captured(capture: Callable[[int, int], Unrolled], first: int, step: int) -> tuple[list[Unrolled], Sequence[int]]:
    lengths = _lengths(first, step)
    return [capture(*sizes) for sizes in zip(lengths, BATCHES, strict=True)], lengths


def _counts(first: int, step: int) -> list[int]:
    """The lengths, and the numbers of iterations."""
    return [*_lengths(first, step), *_lengths(first, 1)]


def _lengths(first: int, step: int) -> list[int]:
    return [step * (first + more) for more in _MORE]


def _sizes(captured: Unrolled) -> Iterator[int]:
    """Of every axis of a value, and of every group of weights whose names differ by a number, how many.

    A loop over all of them may have a first iteration of its own, so that one fewer are alike.
    """
    for node in captured.module.graph.nodes:
        yield from shape_of(node)
        if node.target in _ITEMS and len(node.args) > 1:
            yield shape_of(node.args[0])[node.args[1]] - 1
    for items in Counter(re.sub(r"\d+", "#", name) for name, _ in captured.weights.values()).values():
        yield from (items - 1, items)
