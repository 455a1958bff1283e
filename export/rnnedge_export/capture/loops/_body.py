"""The graph of one iteration: carried values, frames and values from outside in; carried values and what leaves out.

1. The batch size is read from a frame: the body of a scan must not close over a size.
2. A special first iteration is computed in every call, and chosen for the sequences whose flag is still 0.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Graph, Node
from torch.fx.node import map_aggregate, map_arg

from rnnedge_export.capture.loops._labels import OUTSIDE
from rnnedge_export.capture.loops._loop import Frames, Leaving, Loop, NotALoop
from rnnedge_export.capture.loops._matching import Body
from rnnedge_export.capture.loops._place import place
from rnnedge_export.capture.loops._unrolled import aten, is_tensor, shape_of


@dataclass(frozen=True)
class WrittenBody:
    """The graph, and the values of the loop that its inputs stand for: frames, then those from outside."""

    graph: Graph
    frames: Sequence[Frames]
    outside: Sequence[Node]


def write_body(loop: Loop, body: Body, leaving: Sequence[Leaving], batch: int) -> WrittenBody:
    """`batch`: its size in this capture. Raises `NotALoop` for a value that no input of the body stands for."""
    begin = {each: each.at(0) for each in leaving} if body.special else {}
    first = [*body.initial.values(), *(v for v in begin.values() if v is not None)] if body.special else []
    prologue = _up(loop, first)
    nodes = [*body.nodes, *prologue]
    frames = list(dict.fromkeys(loop.reads[node][0] for node in nodes if node in loop.reads))
    carried = {*body.carried.values()}
    given = [a for node in nodes if node not in loop.reads for a in node.all_input_nodes]
    outside = list(dict.fromkeys(a for a in [*given, *first] if _is_outside(loop, a) and a not in carried))
    if body.special and any(each.how == "last" for each in leaving):
        raise NotALoop("its first iteration is another one, and what its last one gives is read alone")
    writer = _Writer(loop, Graph(), batch)
    flag = writer.graph.placeholder("started") if body.special else None
    carry = [writer.graph.placeholder(f"carry_{k}") for k in range(len(body.carried))]
    writer.given = {each: writer.graph.placeholder(f"frame_{k}") for k, each in enumerate(frames)}
    shared = {node: writer.graph.placeholder(f"outside_{k}") for k, node in enumerate(outside)}
    repeated = writer.copies(body.nodes, shared | dict(zip(body.carried.values(), carry, strict=True)))
    after = [repeated[node] for node in body.carried]
    found = [repeated[steady(each, body)] for each in leaving]
    if flag is not None:
        begun = writer.copies(prologue, dict(shared))
        begun |= {node: writer.made(node, begun) for node in first if node not in begun}
        after = [writer.chosen(flag, a, begun[body.initial[n]], n) for a, n in zip(after, body.carried, strict=True)]
        found = [a if (v := begin[e]) is None else writer.chosen(flag, a, begun[v], v)
                 for a, e in zip(found, leaving, strict=True)]  # fmt: skip
        after = [writer.graph.call_function(aten.ones_like.default, (flag,)), *after]
    writer.graph.output((tuple(after), tuple(found)))
    return WrittenBody(writer.graph, frames, outside)


def steady(each: Leaving, body: Body) -> Node:
    """The node of the body that gives what leaves."""
    value = each.at(body.t)
    assert value is not None
    return value


def _is_outside(loop: Loop, node: Node) -> bool:
    """Whether the body reads it from outside; constants and sizes are made in the body."""
    return loop.iteration[node] == OUTSIDE and is_tensor(node) and node.target is not aten.full.default


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

    def __init__(self, loop: Loop, graph: Graph, batch: int) -> None:
        self.loop, self.graph, self.batch = loop, graph, batch
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
            if given not in known and given.target is aten.full.default:
                known[given] = self._copy(given, known)
            if given not in known:
                raise NotALoop(f"a value of an earlier iteration is read in {place(node)}")
            return known[given]

        def number(given: Any) -> Any:
            batches = isinstance(given, int) and given >= self.batch and given % self.batch == 0
            return self._batches(given // self.batch) if batches else given

        args: Any = map_aggregate(map_arg(node.args, argument), number)
        kwargs: Any = map_aggregate(map_arg(node.kwargs, argument), number)
        target: Any = node.target
        return self.graph.call_function(target, args, kwargs)

    def _sizes(self) -> Iterator[tuple[Node, int, int]]:
        """(frame, axis, size) of every frame that the body is given."""
        for frames, given in self.given.items():
            sizes = [size for axis, size in enumerate(shape_of(frames.value)) if axis != frames.axis]
            yield from ((given, axis, size) for axis, size in enumerate(sizes) if size)

    def _batches(self, count: int) -> Node:
        """Case 1: a size that is `count` times the batch."""
        sizes = ((given, axis, size) for given, axis, size in self._sizes() if size % self.batch == 0)
        for given, axis, size in sorted(sizes, key=lambda each: each[2]):
            # Of bands in the batch too, a frame has as many times the batch.
            rows = self.graph.call_function(aten.sym_size.int, (given, axis))
            times, rest = divmod(count, size // self.batch)
            if rest:
                rows, times = self.graph.call_function(operator.floordiv, (rows, size // self.batch)), count
            return self.graph.call_function(operator.mul, (rows, times)) if times > 1 else rows
        raise NotALoop("the batch size is read in the loop, and no frame has it")

    def made(self, node: Node, known: dict[Node, Node]) -> Node:
        """A constant, made in the body."""
        return known[node] if node in known else self._copy(node, known)

    def chosen(self, flag: Node, after: Node, first: Node, like: Node) -> Node:
        """Case 2, on the axis of the sequences."""
        shape = shape_of(like)
        if self.batch not in shape:
            raise NotALoop(f"its first iteration is another one, and a value has no batch: {place(like)}")
        sizes: list[Any] = [-1 if axis == shape.index(self.batch) else 1 for axis in range(len(shape))]
        begun = self.graph.call_function(aten.reshape.default, (flag, sizes))
        whether = self.graph.call_function(aten.gt.Scalar, (begun, 0.5))
        return self.graph.call_function(torch.where, (whether, after, first))
