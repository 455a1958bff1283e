"""A module with Python loops over time as one without: its loops are scans, for any length.

What is around the loops is compared between captures at three lengths. A number that differs must be a multiple of the
length plus a constant, and is computed from the length of the sequence; anything else is no loop that can be rolled.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.fx import Graph, GraphModule, Node

from rnnedge_export.capture.loops._loop import NoFrames, NotALoop
from rnnedge_export.capture.loops._rolling import roll_one
from rnnedge_export.capture.loops._unrolled import aten, clean

# No size of a layer is one of these, and no loop over features goes so far: primes.
LENGTHS = (11, 13, 17)
_MOST_LOOPS = 16
Capture = Callable[[int], torch.export.ExportedProgram]


def roll(capture: Capture, batch_axis: int, time_axis: int) -> GraphModule:
    """The module whose capture at a number of frames, for any batch, is `capture(frames)`.

    Raises `NotALoop` where it has no loop over time, or one that cannot be rolled.
    """
    programs = [_rolled(capture, length, batch_axis) for length in LENGTHS]
    return _for_any_length(programs, time_axis)


def _rolled(capture: Capture, length: int, batch_axis: int) -> torch.export.ExportedProgram:
    every: Any = torch.export.default_decompositions()
    table = {key: value for key, value in every.items() if "einsum" in str(key)}
    program: torch.export.ExportedProgram = capture(length).run_decompositions(table)
    module = program.graph_module
    clean(module.graph)
    first = next(node for node in module.graph.nodes if node.name in _inputs(program))
    for index in range(_MOST_LOOPS):
        try:
            roll_one(module, length, (first, batch_axis), index)
        except NoFrames:
            # A later loop is found only after those before it are gone.
            if index == 0:
                raise
            break
    return program


def _inputs(program: torch.export.ExportedProgram) -> list[str]:
    return [spec.arg.name for spec in program.graph_signature.input_specs if spec.target is None]


def _for_any_length(programs: Sequence[torch.export.ExportedProgram], time_axis: int) -> GraphModule:
    program = programs[0]
    columns = list(zip(*(each.graph_module.graph.nodes for each in programs), strict=False))
    if len({len(each.graph_module.graph.nodes) for each in programs}) > 1:
        raise NotALoop("what stands around the loop differs from length to length")
    root, unifying = nn.Module(), _Unifying(Graph(), time_axis)
    lifted = {spec.arg.name: str(spec.target) for spec in program.graph_signature.input_specs if spec.target}
    weights = {**program.state_dict, **program.constants}
    for nodes in columns:
        node = nodes[0]
        if node.op == "placeholder" and node.name in lifted:
            _place(root, lifted[node.name], weights[lifted[node.name]])
            unifying.known[node] = unifying.graph.get_attr(lifted[node.name])
        elif node.op == "placeholder":
            unifying.known[node] = unifying.graph.placeholder(node.name)
            unifying.first = unifying.first or unifying.known[node]
        elif node.op == "get_attr":
            setattr(root, str(node.target), getattr(program.graph_module, str(node.target)))
            unifying.known[node] = unifying.graph.get_attr(str(node.target))
        elif node.op == "output":
            unifying.graph.output(unifying.one([each.args[0] for each in nodes]))
        else:
            args, kwargs = unifying.one([each.args for each in nodes]), unifying.one([each.kwargs for each in nodes])
            unifying.known[node] = unifying.graph.call_function(node.target, args, kwargs)
    return GraphModule(root, unifying.graph)


class _Unifying:
    """One argument of the graph for any length from those of the captures."""

    def __init__(self, graph: Graph, time_axis: int) -> None:
        self.graph, self.time_axis = graph, time_axis
        self.known: dict[Node, Node] = {}
        self.first: Node | None = None
        self._time: Node | None = None

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
            return self._length(parts)
        return first

    def _length(self, numbers: Sequence[int]) -> Node:
        """A number that is `times` the length plus `more`."""
        times, rest = divmod(numbers[1] - numbers[0], LENGTHS[1] - LENGTHS[0])
        more = numbers[0] - times * LENGTHS[0]
        if rest or any(number != times * length + more for number, length in zip(numbers, LENGTHS, strict=True)):
            raise NotALoop(f"numbers that follow from the length as {', '.join(map(str, numbers))}")
        if self._time is None:
            self._time = self.graph.call_function(aten.sym_size.int, (self.first, self.time_axis))
        product = self.graph.call_function(operator.mul, (self._time, times)) if times != 1 else self._time
        return self.graph.call_function(operator.add, (product, more)) if more else product


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
