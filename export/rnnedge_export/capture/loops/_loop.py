"""What a loop over time looks like once it is unrolled.

1. A frame is a `select`, or a `slice` of one frame, of a value that is outside of every loop; every frame is read, but
   for two at most.
2. A node belongs to the iteration of the latest frame among its ancestors (`_labels.py`).
3. What leaves the loop is a `stack` or `cat` of one value of every iteration in order, or of as many of each
   (`_groups.py`): the first may be missing, and values from outside may stand in front.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch.fx import Graph, Node

from rnnedge_export.capture.loops._groups import group_by_iteration
from rnnedge_export.capture.loops._labels import OUTSIDE, drop_holds, earliest, insert_holds, labelled
from rnnedge_export.capture.loops._unrolled import aten, is_tensor, shape_of

SHORTEST = 5


class NotALoop(Exception):
    """The unrolled code is no loop over time that could be rolled back; the message says why."""


class NoFrames(NotALoop):
    """There is no loop over time at all."""


@dataclass(frozen=True)
class Frames:
    """A value that is read frame by frame along `axis`; `keeps`: a frame has that axis, of size 1."""

    value: Node
    axis: int
    keeps: bool


@dataclass(frozen=True)
class Leaving:
    """Values that leave the loop as `node`; `how`: "stack", "cat", or "last" (only the last one).

    `values`: of the iterations from `first` on, in order. `before`: the items in front of them.
    """

    how: str
    node: Node
    axis: int
    values: tuple[Node, ...]
    first: int = 0
    before: tuple[Node, ...] = ()

    def at(self, t: int) -> Node | None:
        """The value of iteration t, if it leaves."""
        return self.values[t - self.first] if self.first <= t < self.first + len(self.values) else None


class Loop:
    """The first loop of a graph over as many frames as one of `lengths`: it reads nothing of another loop."""

    def __init__(self, graph: Graph, lengths: Collection[int]) -> None:
        """Raises `NoFrames` where no value is read frame by frame."""
        drop_holds(graph)
        self.graph = graph
        self.nodes = list(graph.nodes)
        every = reads(graph)
        read_of: dict[Frames, set[int]] = {}
        for source, frame in every.values():
            read_of.setdefault(source, set()).add(frame)
        wanted = {s for s, frames in read_of.items() if _size(s) in lengths and len(frames) >= _size(s) - 2}
        self.reads = every
        self._keep(wanted)
        while inner := {source for source, _ in self.reads.values() if self.iteration[source.value] != OUTSIDE}:
            self._keep({source for source, _ in self.reads.values()} - inner)
        if not self.reads:
            raise NoFrames("no value is read frame by frame")
        self.length = _size(next(iter(self.reads.values()))[0])
        self._keep({source for source, _ in self.reads.values() if _size(source) == self.length})
        for change in (group_by_iteration, insert_holds):
            if change(graph, self.iteration, self.length):
                self.nodes = list(graph.nodes)
                self._keep({source for source, _ in self.reads.values()})
        self.leaving = self._joined()

    def _keep(self, sources: set[Frames]) -> None:
        """Only reads of these are frames; label the nodes again."""
        self.reads = {node: read for node, read in self.reads.items() if read[0] in sources}
        self.iteration = labelled(self.graph, self.frames)

    @property
    def frames(self) -> dict[Node, int]:
        """The number of the frame that a node reads."""
        return {node: frame for node, (_, frame) in self.reads.items()}

    @property
    def needs_the_last_frame(self) -> bool:
        """Whether there is a value for every frame that needs the last one too."""
        first = earliest(self.graph, self.frames)
        late = {t for node, t in first.items() if self.iteration[node] == self.length - 1 and node not in self.reads}
        return len(late) >= self.length - 2

    def _joined(self) -> list[Leaving]:
        """Case 3."""
        found = []
        for node in self.nodes:
            if node.target in (aten.stack.default, aten.cat.default) and is_tensor(node):
                given: tuple[Any, ...] = node.args
                axis = (given[1] if len(given) > 1 else 0) % len(shape_of(node))
                how = "stack" if node.target is aten.stack.default else "cat"
                found += self._in_order(how, node, axis, list(given[0]))
        return found

    def _in_order(self, how: str, node: Node, axis: int, values: list[Node]) -> list[Leaving]:
        """One value of each iteration, of the first ones none or values from outside."""
        labels = [self.iteration[value] for value in values]
        start = next((i for i, label in enumerate(labels) if label != OUTSIDE), len(labels))
        found = labels[start:]
        if len(found) < self.length - 2 or any(b != a + 1 for a, b in pairwise(found)):
            return []
        return [Leaving(how, node, axis, tuple(values[start:]), found[0], tuple(values[:start]))]


def reads(graph: Graph) -> dict[Node, tuple[Frames, int]]:
    """Case 1: every read of one frame of anything, and its number."""
    return {node: read for node in graph.nodes if (read := _read(node)) is not None}


def _read(node: Node) -> tuple[Frames, int] | None:
    args: tuple[Any, ...] = node.args
    if node.target is aten.select.int:
        value, axis, frame, keeps = *args, False
    elif node.target is aten.slice.Tensor and len(args) == 4 and isinstance(args[3], int) and args[3] - args[2] == 1:
        value, axis, frame, keeps = *args[:3], True
    else:
        return None
    if not isinstance(frame, int) or not shape_of(value):
        return None
    return Frames(value, axis, keeps), frame


def _size(source: Frames) -> int:
    return shape_of(source.value)[source.axis]


def lengths_read(graph: Graph) -> set[int]:
    """The lengths of values of which almost every frame is read."""
    found: dict[Frames, set[int]] = {}
    for source, frame in reads(graph).values():
        found.setdefault(source, set()).add(frame)
    return {_size(s) for s, frames in found.items() if _size(s) >= SHORTEST and len(frames) >= _size(s) - 2}
