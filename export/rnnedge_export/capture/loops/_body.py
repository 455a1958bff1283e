"""The graph of one iteration: carried values, frames and values from outside in; carried values and what leaves out.

1. The batch size is read from a frame: the body of a scan must not close over a size.
2. A special first iteration is computed in every call, and chosen for the sequences whose flag is still 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Graph, Node
from torch.fx.node import map_arg

from rnnedge_export.capture.loops._loop import OUTSIDE, Frames, Leaving, Loop, NotALoop
from rnnedge_export.capture.loops._matching import Body, place
from rnnedge_export.capture.loops._unrolled import aten, shape_of

_SIZE: Any = aten.sym_size.int


@dataclass(frozen=True)
class WrittenBody:
    """The graph, and the values of the loop that its inputs stand for: frames, then those from outside."""

    graph: Graph
    frames: Sequence[Frames]
    outside: Sequence[Node]


def write_body(loop: Loop, body: Body, leaving: Sequence[Leaving]) -> WrittenBody:
    """Raises `NotALoop` for a value that no input of the body stands for."""
    first = [*body.initial.values(), *(each.values[0] for each in leaving)] if body.special else []
    prologue = _up(loop, first)
    nodes = [*body.nodes, *prologue]
    frames = list(dict.fromkeys(loop.reads[node][0] for node in nodes if node in loop.reads))
    carried = {*body.carried.values()}
    given = (a for node in nodes if node not in loop.reads for a in node.all_input_nodes)
    outside = list(dict.fromkeys(a for a in given if loop.iteration[a] == OUTSIDE and a not in carried and shape_of(a)))
    if body.special and any(each.how == "last" for each in leaving):
        raise NotALoop("its first iteration is another one, and what its last one gives is read alone")
    writer = _Writer(loop, Graph(), frames)
    flag = writer.graph.placeholder("started") if body.special else None
    carry = [writer.graph.placeholder(f"carry_{k}") for k in range(len(body.carried))]
    writer.given = {each: writer.graph.placeholder(f"frame_{k}") for k, each in enumerate(frames)}
    shared = {node: writer.graph.placeholder(f"outside_{k}") for k, node in enumerate(outside)}
    steady = writer.copies(body.nodes, shared | dict(zip(body.carried.values(), carry, strict=True)))
    after = [steady[node] for node in body.carried]
    found = [steady[each.values[body.t]] if each.how != "last" else steady[each.values[0]] for each in leaving]
    if flag is not None:
        begun = writer.copies(prologue, dict(shared))
        after = [writer.chosen(flag, a, begun[body.initial[n]], n) for a, n in zip(after, body.carried, strict=True)]
        found = [writer.chosen(flag, a, begun[e.values[0]], e.values[0]) for a, e in zip(found, leaving, strict=True)]
        after = [writer.graph.call_function(aten.ones_like.default, (flag,)), *after]
    writer.graph.output((tuple(after), tuple(found)))
    return WrittenBody(writer.graph, frames, outside)


def _up(loop: Loop, roots: Sequence[Node]) -> list[Node]:
    """The nodes of iterations from which `roots` follow, in order."""
    found, waiting = set[Node](), list(roots)
    while waiting:
        node = waiting.pop()
        if loop.iteration[node] != OUTSIDE and node not in found:
            found.add(node)
            waiting += [] if node in loop.reads else node.all_input_nodes
    return [node for node in loop.nodes if node in found]


class _Writer:
    """Copies nodes of iterations into a graph."""

    def __init__(self, loop: Loop, graph: Graph, frames: Sequence[Frames]) -> None:
        self.loop, self.graph, self.frames = loop, graph, frames
        self.given: dict[Frames, Node] = {}

    def copies(self, nodes: Sequence[Node], known: dict[Node, Node]) -> dict[Node, Node]:
        """The copy of every node; `known` says what stands for those that are not copied."""
        for node in nodes:
            if node in self.loop.reads:
                frames = self.loop.reads[node][0]
                frame = self.given[frames]
                known[node] = (
                    self.graph.call_function(aten.unsqueeze.default, (frame, frames.axis)) if frames.keeps else frame
                )
            else:
                known[node] = self._copy(node, known)
        return known

    def _copy(self, node: Node, known: dict[Node, Node]) -> Node:
        def argument(given: Node) -> Node:
            if given not in known and self.loop.iteration[given] == OUTSIDE and not shape_of(given):
                known[given] = self._size(given, argument)
            if given not in known:
                raise NotALoop(f"a value of an earlier iteration is read in {place(node)}")
            return known[given]

        target: Any = node.target
        return self.graph.call_function(target, map_arg(node.args, argument), map_arg(node.kwargs, argument))

    def _size(self, node: Node, argument: Callable[[Node], Node]) -> Node:
        """Case 1; arithmetic on sizes is repeated."""
        if node.op != "call_function":
            raise NotALoop(f"the loop reads {node}, which is no tensor")
        if node.target != _SIZE:
            target: Any = node.target
            return self.graph.call_function(target, map_arg(node.args, argument))
        wanted = str(node.meta["val"])
        for frames, given in self.given.items():
            sizes = [size for axis, size in enumerate(shape_of(frames.value)) if axis != frames.axis]
            for axis, size in enumerate(sizes):
                if str(size) == wanted:
                    return self.graph.call_function(_SIZE, (given, axis))
        raise NotALoop("the batch size is read in the loop, and no frame has it")

    def chosen(self, flag: Node, after: Node, first: Node, like: Node) -> Node:
        """Case 2; sequences are on axis 0."""
        ones: list[Any] = [1] * (len(shape_of(like)) - 1)
        begun = self.graph.call_function(aten.reshape.default, (flag, [-1, *ones]))
        whether = self.graph.call_function(aten.gt.Scalar, (begun, 0.5))
        return self.graph.call_function(torch.where, (whether, after, first))
