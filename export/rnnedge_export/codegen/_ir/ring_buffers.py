"""Caches of windows as ring buffers: a step writes its new frames, and moves nothing.

A cache is a state that is only read to be joined with new frames, and whose next value is the end of that join:

    window = Concat(cache, new)      cache' = Slice(window, from the number of new frames to the end)

Its memory has room for `room` frames twice, one after the other. New frames are written at `at` and `at + room`, so
that the window that ends there always stands in one piece, around `at + room`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from rnnedge_export.codegen._ir.tensors import FLOAT, Array, Buffer, Memory, View, whole
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_runtime.contract import Contract


@dataclass(frozen=True, eq=False)
class Ring:
    """The cache of one state, number `number` of the program.

    `axis` of the state is time, `length` the frames that it keeps, `fresh` those that a step brings. `offset` is where
    its memory begins among the states, `frame` how many numbers a frame has. `cache` is the state as it stands at the
    beginning of a step, `window` that with the new frames, `mirror` the second place of the new frames.
    """

    number: int
    axis: int
    length: int
    fresh: int
    offset: int
    frame: int
    cache: View
    window: View
    mirror: View

    @property
    def room(self) -> int:
        """Frames of one half."""
        return -(-(self.length + self.fresh) // self.fresh) * self.fresh

    @property
    def begin(self) -> int:
        """`at` before the first step: the next one writes at 0."""
        return self.room - self.fresh

    @property
    def kept_at(self) -> int:
        """Frames from `at` to the cache between two steps."""
        return self.room - self.length + self.fresh

    def standing(self) -> View:
        """The state between two steps, for who reads it."""
        return View(Buffer(Memory.KEPT, self.number, self.length * self.frame, FLOAT), self.cache.index)

    def beginnings(self) -> tuple[View, View]:
        """Where the state has to be written, with `at` at `begin`."""
        first, second = (self.offset + (end - self.length) * self.frame for end in (self.room, 2 * self.room))
        return self._state(first), self._state(second)

    def _state(self, offset: int) -> View:
        return View(Buffer(Memory.STATES, offset, self.length * self.frame, FLOAT), self.cache.index)


def ring(number: int, axis: int, fresh: int, offset: int, shape: tuple[int, ...], order: tuple[int, ...]) -> Ring:
    """The ring of a state of `shape`, whose axes stand in memory in `order`, time slowest."""
    length = shape[axis]
    frame = int(np.prod(shape, dtype=np.int64)) // length

    def view(memory: Memory, frames: int) -> View:
        sizes = tuple(frames if k == axis else size for k, size in enumerate(shape))
        return whole(Buffer(memory, number, frames * frame, FLOAT), sizes, order)

    views = view(Memory.PAST, length), view(Memory.WINDOW, length + fresh), view(Memory.MIRROR, fresh)
    return Ring(number, axis, length, fresh, offset, frame, *views)


@dataclass(frozen=True)
class Cache:
    """A state that can be a ring: time is `axis` of it, and a step brings `fresh` frames."""

    axis: int
    fresh: int


def find_caches(
    nodes: Iterable[Node], constants: Mapping[str, Array], contract: Contract, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Cache]:
    """The states that can be rings, by input name; `shapes` are those of all values."""
    nodes = list(nodes)
    uses = Counter(name for node in nodes for name in node.inputs)
    makers = {name: node for node in nodes for name in node.outputs}
    found = {}
    for state in contract.states:
        cut = makers.get(state.output)
        joined = makers.get(cut.inputs[0]) if cut and cut.op == "Slice" else None
        if cut is None or joined is None or joined.op != "Concat" or joined.inputs[0] != state.input:
            continue
        if uses[state.input] != 1 or state.dtype != "float32" or state.input in joined.inputs[1:]:
            continue
        axis = int(joined.attributes["axis"]) % len(state.shape)
        bounds = [constants.get(name) for name in cut.inputs[1:]]
        if len(bounds) < 3 or any(bound is None or bound.size != 1 for bound in bounds):
            continue
        start, end, along, *step = (int(bound.flat[0]) for bound in bounds if bound is not None)
        length = state.shape[axis]
        whole_axis = along % len(state.shape) == axis and step in ([], [1])
        if not whole_axis or not isinstance(length, int) or axis == state.batch_axis:
            continue
        window = shapes[cut.inputs[0]][axis]
        # A file of any number of frames counts from the end.
        start, end = (bound + window if bound < 0 else bound for bound in (start, end))
        if start > 0 and end >= window and window == start + length:
            found[state.input] = Cache(axis, start)
    return found


def order_of(rank: int, axis: int, batch_axis: int) -> tuple[int, ...]:
    """Axes of a cache from the slowest to the fastest: time, batch, and channels (axis 1 before a window) last."""
    rest = [k for k in range(rank) if k not in (axis, batch_axis)]
    if axis != 1 and 1 in rest:
        rest = [k for k in rest if k != 1] + [1]
    return (axis, *([batch_axis] if batch_axis != axis else []), *rest)
