"""What a loop over time looks like once it is unrolled.

1. A frame is read by `select`, by a `slice` of one frame, or as an item of `unbind` or `split`, from a value that is
   outside of every loop; every frame is read, up to the first or the last one.
2. A node belongs to the iteration of the latest frame among its ancestors; to none (`OUTSIDE`) if it has none.
3. What leaves the loop is a `stack` or `cat` of one value of every iteration in order, or a tensor to which one value
   of every iteration is assigned in order.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

from torch.fx import Graph, Node

from rnnedge_export.capture.loops._unrolled import aten, shape_of

OUTSIDE = -1


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
    """A value per iteration that leaves the loop as `node`; `how`: "stack", "cat", or "last" (only the last one)."""

    how: str
    node: Node
    axis: int
    values: tuple[Node, ...]


class Loop:
    """The first loop of a graph that was captured at `length` frames: one that reads nothing of another loop."""

    def __init__(self, graph: Graph, length: int) -> None:
        """Raises `NotALoop` where no value is read frame by frame."""
        self.graph, self.length = graph, length
        self.nodes = list(graph.nodes)
        chains = self._assigned()
        self.reads = {node: read for node in self.nodes if (read := self._read(node)) and read[0].value not in chains}
        frames: dict[Frames, set[int]] = {}
        for source, frame in self.reads.values():
            frames.setdefault(source, set()).add(frame)
        self._keep({source for source, found in frames.items() if len(found) >= length - 1})
        while inner := {source for source, _ in self.reads.values() if self.iteration[source.value] != OUTSIDE}:
            self._keep({source for source, _ in self.reads.values()} - inner)
        if not self.reads:
            raise NoFrames("no value is read frame by frame")
        found = [*self._joined(), *(each for chain in chains.values() if (each := self._whole(chain)))]
        self.leaving = [each for each in found if self._in_order(each)]

    def _keep(self, sources: set[Frames]) -> None:
        """Only reads of these are frames; label the nodes anew."""
        self.reads = {node: read for node, read in self.reads.items() if read[0] in sources}
        self.iteration: dict[Node, int] = {}
        for node in self.nodes:
            before = (self.iteration[given] for given in node.all_input_nodes)
            self.iteration[node] = self.reads[node][1] if node in self.reads else max(before, default=OUTSIDE)

    def _read(self, node: Node) -> tuple[Frames, int] | None:
        """Case 1."""
        if node.op != "call_function":
            return None
        args: tuple[Any, ...] = node.args
        if node.target is aten.select.int:
            return self._frame(args[0], args[1], args[2], False)
        if node.target is aten.slice.Tensor and len(args) == 4 and isinstance(args[3], int) and args[3] - args[2] == 1:
            return self._frame(args[0], args[1], args[2], True)
        if node.target is operator.getitem and isinstance(args[0], Node):
            cut: tuple[Any, ...] = args[0].args
            if args[0].target is aten.unbind.int:
                return self._frame(cut[0], cut[1] if len(cut) > 1 else 0, args[1], False)
            if args[0].target is aten.split.Tensor and cut[1] == 1:
                return self._frame(cut[0], cut[2] if len(cut) > 2 else 0, args[1], True)
        return None

    def _frame(self, value: Node, axis: int, frame: int, keeps: bool) -> tuple[Frames, int] | None:
        shape = shape_of(value)
        if not shape or shape[axis] != self.length:
            return None
        return Frames(value, axis % len(shape), keeps), frame % self.length

    def _joined(self) -> list[Leaving]:
        """Case 3, `stack` and `cat`."""
        found = []
        for node in self.nodes:
            if node.target in (aten.stack.default, aten.cat.default):
                given: tuple[Any, ...] = node.args
                values = given[0]
                if len(values) == self.length and all(isinstance(value, Node) for value in values):
                    axis = given[1] if len(given) > 1 else 0
                    how = "stack" if node.target is aten.stack.default else "cat"
                    found.append(Leaving(how, node, axis % len(shape_of(node)), tuple(values)))
        return found

    def _assigned(self) -> dict[Node, list[Node]]:
        """Case 3: the chains of assignments to frame 0, 1, ..., by the node that each has reached."""
        chains: dict[Node, list[Node]] = {}
        for node in self.nodes:
            if node.target is not aten.select_scatter.default or shape_of(node)[node.args[2]] != self.length:
                continue
            frame = node.args[3] % self.length
            before = chains.get(node.args[0], []) if frame else []
            if len(before) == frame:
                chains[node] = [*before, node]
        return chains

    def _whole(self, chain: list[Node]) -> Leaving | None:
        if len(chain) < self.length:
            return None
        last, values = chain[-1], [value for node in chain if isinstance(value := node.args[1], Node)]
        axis: Any = last.args[2]
        return Leaving("stack", last, axis % len(shape_of(last)), tuple(values))

    def _in_order(self, leaving: Leaving) -> bool:
        """The last value is of the last iteration, and none is of a later one than its place."""
        found = [self.iteration[value] for value in leaving.values]
        return found[-1] == self.length - 1 and all(each <= t for t, each in enumerate(found))
