"""A module with Python loops over time as one without: its loops are scans, for any length.

What is around the loops is compared between captures at three lengths. A number that differs must be a multiple of the
length plus a constant, and is computed from the length of the sequence; anything else is no loop that can be rolled.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.fx import Graph, GraphModule, Node

from rnnedge_export.capture.loops._blocks import blocks_as_rows
from rnnedge_export.capture.loops._canonical import canonicalize
from rnnedge_export.capture.loops._chunks import merge_chunks
from rnnedge_export.capture.loops._last_state import last_states
from rnnedge_export.capture.loops._lengths import BATCHES
from rnnedge_export.capture.loops._loop import NoFrames, NotALoop, lengths_read
from rnnedge_export.capture.loops._module_paths import PLACE
from rnnedge_export.capture.loops._numbers import number_frames
from rnnedge_export.capture.loops._pairs import frame_pairs
from rnnedge_export.capture.loops._rolling import roll_one
from rnnedge_export.capture.loops._unrolled import Unrolled, aten, is_tensor, shape_of

_MOST_LOOPS = 16
_END = (1 << 63) - 1
GRAIN = "rnnedge.grain"
"""In `meta` of what `roll` makes: the number of which every length is a multiple."""


def roll(
    captured: Sequence[Unrolled],
    lengths: Sequence[int],
    batch_axis: int,
    time_axis: int,
    *,
    required: bool = True,
    step: int = 1,
) -> GraphModule:
    """The module that was captured at those lengths; its captures are changed. `step`: the frames of an iteration.

    Raises `NotALoop` where it has no loop over time, if one is `required`, or one that cannot be rolled.
    """
    for each, length in zip(captured, lengths, strict=True):
        canonicalize(each.module.graph)
        last_states(each.module.graph)
        number_frames(each.module, length)
        frame_pairs(each.module.graph, length)
        canonicalize(each.module.graph)
    merged = [merge_chunks(each.module.graph, length) for each, length in zip(captured, lengths, strict=True)]
    rows = [blocks_as_rows(each.module.graph, length // step) for each, length in zip(captured, lengths, strict=True)]
    found = [lengths_read(each.module.graph) for each in captured]
    fixed = set.intersection(*found)
    with _deep():
        for each, read in zip(captured, found, strict=True):
            _roll_all(each, read - fixed, required=required and not all(merged))
    rolled = _for_any_length(captured, _Unifying(Graph(), lengths, batch_axis, time_axis, step))
    rolled.meta[GRAIN] = step if any(rows) else 1
    return rolled


def _roll_all(unrolled: Unrolled, lengths: Collection[int], *, required: bool) -> None:
    for index in range(_MOST_LOOPS):
        try:
            roll_one(unrolled, lengths, index)
        except NoFrames:
            # A later loop is found only after those before it are gone.
            if index == 0 and required:
                raise
            break


@contextmanager
def _deep() -> Iterator[None]:
    """Iterations are compared from what leaves to what enters, a call for every operator between."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 10_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _for_any_length(captured: Sequence[Unrolled], unifying: _Unifying) -> GraphModule:
    first = captured[0]
    columns = list(zip(*(each.module.graph.nodes for each in captured), strict=False))
    if len({len(each.module.graph.nodes) for each in captured}) > 1:
        raise NotALoop("what stands around the loop differs from length to length")
    root = nn.Module()
    for nodes in columns:
        node = nodes[0]
        if node in first.weights:
            name, value = first.weights[node]
            _place(root, name, value)
            unifying.known[node] = unifying.graph.get_attr(name)
        elif node.op == "placeholder":
            unifying.known[node] = unifying.graph.placeholder(node.name)
            unifying.first = unifying.first or unifying.known[node]
        elif node.op == "get_attr":
            unifying.known[node] = _kept(root, unifying.graph, [*zip(captured, nodes, strict=True)])
        elif node.op == "output":
            unifying.graph.output(unifying.one([each.args[0] for each in nodes]))
        else:
            unifying.add(nodes)
    return GraphModule(root, unifying.graph)


def _kept(root: nn.Module, graph: Graph, places: Sequence[tuple[Unrolled, Node]]) -> Node:
    """A constant or the body of a loop, which is the same at every length."""
    values = [getattr(each.module, str(node.target)) for each, node in places]
    name = str(places[0][1].target)
    if isinstance(values[0], GraphModule) and len({value.code for value in values}) > 1:
        raise NotALoop("its body reads the length of the sequence")
    if isinstance(values[0], torch.Tensor) and not all(torch.equal(value, values[0]) for value in values):
        raise NotALoop("a constant depends on the length of the sequence")
    setattr(root, name, values[0])
    return graph.get_attr(name)


class _Unifying:
    """One argument of the graph for any length from those of the captures."""

    def __init__(self, graph: Graph, lengths: Sequence[int], batch_axis: int, time_axis: int, step: int = 1) -> None:
        self.graph, self.lengths, self.batch_axis, self.time_axis = graph, lengths, batch_axis, time_axis
        self.step = step
        self.known: dict[Node, Node] = {}
        self.first: Node | None = None
        self._sized: list[Sequence[Node]] = []
        self._time: Node | None = None
        self._batch: Node | None = None

    def one(self, parts: Sequence[Any]) -> Any:
        """The argument; `parts` has that of every capture."""
        first = parts[0]
        if isinstance(first, Node):
            return self.known[first]
        if isinstance(first, (list, tuple)):
            if len({len(part) for part in parts}) > 1:
                raise NotALoop("what stands around the loop differs from length to length")
            return type(first)(self.one(each) for each in zip(*parts, strict=True))
        if isinstance(first, dict):
            return {key: self.one([part[key] for part in parts]) for key in first}
        if isinstance(first, int) and not isinstance(first, bool) and len(set(parts)) > 1:
            return self._number(parts)
        return first

    def _number(self, parts: Sequence[int]) -> Node:
        """One that is not the same in every capture: some times the batch, or of the length."""
        counts = [divmod(number, batch) for number, batch in zip(parts, BATCHES, strict=True)]
        if any(rest or not count for count, rest in counts):
            return self._length(parts)
        if self._batch is None:
            self._batch = self.graph.call_function(aten.sym_size.int, (self.first, self.batch_axis))
        count = self.one([count for count, _ in counts])
        return self._batch if count == 1 else self.graph.call_function(operator.mul, (self._batch, count))

    def add(self, nodes: Sequence[Node]) -> None:
        """An operator of every capture as one."""
        if len({node.target for node in nodes}) > 1:
            raise NotALoop("what stands around the loop differs from length to length")
        kwargs = self.one([each.kwargs for each in nodes])
        args = self.one([_open_end(each) for each in nodes])
        target: Any = nodes[0].target
        self.known[nodes[0]] = made = self.graph.call_function(target, args, kwargs)
        made.meta = {key: nodes[0].meta[key] for key in PLACE if key in nodes[0].meta}
        self._sized.append(nodes)

    def _length(self, numbers: Sequence[int]) -> Node:
        """A number that is `times` the length, or that of iterations, plus `more`; or the size of a known value."""
        for frames in sorted({1, self.step}):
            counts = [length // frames for length in self.lengths]
            times, rest = divmod(numbers[1] - numbers[0], counts[1] - counts[0])
            more = numbers[0] - times * counts[0]
            if not rest and all(number == times * n + more for number, n in zip(numbers, counts, strict=True)):
                return self._linear(frames, times, more)
        return self._size(numbers)

    def _linear(self, frames: int, times: int, more: int) -> Node:
        if self._time is None:
            self._time = self.graph.call_function(aten.sym_size.int, (self.first, self.time_axis))
        count = self.graph.call_function(operator.floordiv, (self._time, frames)) if frames != 1 else self._time
        product = self.graph.call_function(operator.mul, (count, times)) if times != 1 else count
        return self.graph.call_function(operator.add, (product, more)) if more else product

    def _size(self, numbers: Sequence[int]) -> Node:
        """As after a stride, which no multiple of the length gives."""
        for nodes in reversed(self._sized):
            for axis, sizes in enumerate(zip(*map(shape_of, nodes), strict=False)):
                if list(sizes) == list(numbers):
                    return self.graph.call_function(aten.sym_size.int, (self.known[nodes[0]], axis))
        raise NotALoop(f"numbers that follow from the length as {', '.join(map(str, numbers))}")


def _open_end(node: Node) -> tuple[Any, ...]:
    """The arguments; a slice that ends with the sequence, or that many frames before, is counted from the end."""
    args: tuple[Any, ...] = node.args
    if node.target is not aten.slice.Tensor or len(args) != 4 or not is_tensor(args[0]):
        return args
    behind = shape_of(args[0])[args[1]] - args[3]
    return (*args[:3], -behind if behind else _END) if args[3] > args[2] + 1 else args


def _place(root: nn.Module, name: str, value: torch.Tensor) -> None:
    """Keep a weight under the name that it has in the user's module."""
    *path, leaf = name.split(".")
    for part in path:
        if not hasattr(root, part):
            root.add_module(part, nn.Module())
        root = getattr(root, part)
    if isinstance(value, nn.Parameter):
        root.register_parameter(leaf, nn.Parameter(value.detach(), requires_grad=False))
    else:
        root.register_buffer(leaf, value.detach())
