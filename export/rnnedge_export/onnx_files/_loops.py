"""A Loop over time, as converters write layers that have no operator of their own, becomes a Scan.

1. It runs once for every frame: the number of its iterations is counted by running it for several lengths.
2. What its body takes out of a sequence by the number of the iteration is a scanned input: Gather, Slice of one frame,
   SequenceAt of a split sequence. That number is the body's own, or a counter that the loop carries.
3. Carried values are the Scan's states, and stacked outputs its outputs; so is a list to which each iteration appends,
   and that is concatenated afterwards. The condition, and what only it needs, is gone.

Raises `ModelRefused` for a Loop that is none of this: the message says what stands against it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.onnx_files._iteration import Iteration
from rnnedge_export.onnx_files._leading import run_leading
from rnnedge_runtime.errors import ModelRefused

Feeds = Callable[[int], Mapping[str, Any]]
"""Frames of a sequence -> inputs by name, for as many sequences as the file takes."""
_LENGTHS = (24, 31)
_Appended = dict[int, tuple[ir.Value, ir.Node]]
"""Carried list -> what each iteration appends, and the node that concatenates the list."""


def loops_to_scans(model: ir.Model, feeds: Feeds, declared: int | None, name: str) -> None:
    """Every Loop of the main graph, in place. `declared`: the one length of the file, or None; `name`: its own."""
    builder = GraphBuilder(model)
    for node in list(model.graph):
        if node.op_type == "Loop" and not node.domain:
            loop = _Loop(node, builder, name)
            loop.move_out()
            loop.check_iterations(model, feeds, declared)
            loop.take_frames()
            loop.become_scan()
    RemoveUnusedNodesPass()(model)


class _Loop:
    """One Loop while it is rewritten."""

    def __init__(self, node: ir.Node, builder: GraphBuilder, name: str) -> None:
        self.node, self.builder, self.name = node, builder, name
        self.body = node.attributes["body"].as_graph()
        self.carried = len(node.inputs) - 2
        self.iteration = Iteration(node)
        # (A sequence outside, its time axis) -> its frame in the body.
        self.scanned: dict[tuple[ir.Value, int], ir.Value] = {}

    def refuse(self, reason: str) -> NoReturn:
        place = self.node.name or self.node.outputs[0].name
        raise ModelRefused(
            f"{self.name}: {place} (Loop): cannot stream: {reason}; a loop streams that runs once for every frame and "
            "takes it by its number; else write the recurrence as Scan, RNN, GRU or LSTM"
        )

    def move_out(self) -> None:
        """What is the same in every iteration is computed in front of the loop."""
        graph = self.node.graph
        assert isinstance(graph, ir.Graph)
        for inner in list(self.body):
            outside = all(value is None or value.graph is not self.body for value in inner.inputs)
            nested = any(a.type == ir.AttributeType.GRAPH for a in inner.attributes.values())
            if outside and not nested and not any(value.is_graph_output() for value in inner.outputs):
                self.body.remove(inner)
                graph.insert_before(self.node, inner)

    def check_iterations(self, model: ir.Model, feeds: Feeds, declared: int | None) -> None:
        """Case 1."""
        outputs = len(self.node.outputs)
        number = ir.Node("", "Identity", [self.body.inputs[0]])
        number.outputs[0].name = self.builder.fresh("iteration")
        self.body.append(number)
        self.body.outputs.append(number.outputs[0])
        self.node.resize_outputs(outputs + 1)
        self.node.outputs[-1].name = self.builder.fresh("iterations")
        counts = {}
        for time in (declared,) if declared else _LENGTHS:
            runs = run_leading(model, self.node.outputs[-1], [], [feeds(time)])
            counts[time] = None if runs is None else int(runs[0][0][0])
        self.node.resize_outputs(outputs)
        self.body.outputs.pop()
        self.body.remove(number, safe=True)
        if None in counts.values():
            self.refuse("what leads to it does not run by itself")
        if any(time != count for time, count in counts.items()):
            time, count = next(iter(counts.items()))
            self.refuse(f"it runs {count} times for {time} frames")

    def take_frames(self) -> None:
        """Case 2."""
        for inner in list(self.body):
            found = self.iteration.frame(inner)
            if found is None:
                continue
            sequence, axis, keeps = found
            frame = self.scanned.setdefault((sequence, axis), self._input(sequence))
            if keeps:
                frame = self.builder.op("Unsqueeze", frame, self.builder.ints(axis))
                self.body.insert_before(inner, self.builder.take())
            ir.convenience.replace_all_uses_with(inner.outputs[0], frame, replace_graph_outputs=True)
            self.body.remove(inner, safe=True)
        if not self.scanned:
            self.refuse("its body takes no frame by the number of the iteration")

    def become_scan(self) -> None:
        """Case 3."""
        body, node, count = self.body, self.node, self.carried
        lists = self._lists()
        states = [j for j in range(count) if j not in lists and not self.iteration.is_counter(j)]
        if any(_read(node.outputs[j]) for j in range(count) if j not in states and j not in lists):
            self.refuse("the number of its iterations is used after it")
        stacked = list(range(count, len(node.outputs)))
        results = [body.outputs[1 + j] for j in [*states, *stacked]] + [value for value, _ in lists.values()]
        self._set_ports([body.inputs[2 + j] for j in states] + list(self.scanned.values()), results)
        sequences = list(self.scanned)
        axes = [0] * len(stacked) + [joint.attributes.get_int("axis", 0) for _, joint in lists.values()]
        del node.attributes["body"]
        scan = ir.Node(
            "", "Scan", [*(node.inputs[2 + j] for j in states), *(sequence for sequence, _ in sequences)],
            [ir.AttrGraph("body", body), ir.AttrInt64("num_scan_inputs", len(sequences)),
             ir.AttrInt64s("scan_input_axes", [axis for _, axis in sequences]),
             *([ir.AttrInt64s("scan_output_axes", axes)] if any(axes) else [])],
            num_outputs=len(results), name=node.name,
        )  # fmt: skip
        graph = node.graph
        assert isinstance(graph, ir.Graph)
        graph.insert_before(node, scan)
        replaced = [node.outputs[j] for j in [*states, *stacked]] + [joint.outputs[0] for _, joint in lists.values()]
        joints = [None] * len(states + stacked) + [joint for _, joint in lists.values()]
        for old, value, joint in zip(replaced, scan.outputs, joints, strict=True):
            self._replace(old, value, joint)
        for gone in [*(joint for _, joint in lists.values()), node]:
            graph.remove(gone, safe=True)

    def _replace(self, old: ir.Value, value: ir.Value, joint: ir.Node | None) -> None:
        """`old` by an output of the Scan; a list of frames that keep their axis is without that of the Scan."""
        new, graph = value, self.node.graph
        assert isinstance(graph, ir.Graph)
        if joint is not None and not joint.attributes.get_int("new_axis", 0):
            new = self.builder.op("Squeeze", value, self.builder.ints(joint.attributes.get_int("axis", 0) + 1))
            graph.insert_before(joint, self.builder.take())
            value.name = self.builder.fresh(f"{old.name}_stacked")
        ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
        new.name, new.type, old.name = old.name, old.type, self.builder.fresh(f"{old.name}_of_loop")

    def _lists(self) -> _Appended:
        """Carried lists that begin empty, get one value at their end in each iteration, and are concatenated."""
        found: _Appended = {}
        for j in range(self.carried):
            first, last = self.node.inputs[2 + j], self.body.outputs[1 + j].producer()
            empty = first is not None and first.producer() is not None and first.producer().op_type == "SequenceEmpty"  # type: ignore[union-attr]
            if not empty:
                continue
            readers = [reader for reader, _ in self.node.outputs[j].uses()]
            if last is None or last.op_type != "SequenceInsert" or len(last.inputs) > 2 or last.inputs[1] is None:
                self.refuse("it carries a list that is not appended to in every iteration")
            if len(readers) != 1 or readers[0].op_type != "ConcatFromSequence":
                self.refuse("a list that it fills is not concatenated")
            if readers[0].attributes.get_int("axis", 0) < 0:
                self.refuse("a list that it fills is concatenated along an axis counted from the end")
            found[j] = last.inputs[1], readers[0]
        return found

    def _set_ports(self, inputs: list[ir.Value], results: list[ir.Value]) -> None:
        """Other inputs and outputs of the body; what nothing needs is removed."""
        body = self.body
        gone = [value for value in body.inputs if value not in inputs]
        number = body.inputs[0]
        body.outputs.clear()
        body.outputs.extend(results)
        for inner in reversed(list(body)):
            if not any(map(_read, inner.outputs)):
                body.remove(inner, safe=True)
        for value in filter(_read, gone):
            what = "the number of the iteration" if value is number else f"its condition or counter {value.name!r}"
            self.refuse(f"its body computes with {what}")
        body.inputs.clear()
        body.inputs.extend(inputs)
        # What exporters declare inside of a loop is often wrong, and never needed.
        for value in (*inputs, *(output for inner in body for output in inner.outputs)):
            value.shape = None
        seen: set[ir.Value] = set()
        for place, value in enumerate(list(body.outputs)):
            if value in seen or value.producer() is None or value.graph is not body:
                copy = ir.Node("", "Identity", [value])
                copy.outputs[0].name, copy.outputs[0].type = self.builder.fresh(f"{value.name}_out"), value.type
                body.append(copy)
                body.outputs[place] = copy.outputs[0]
            seen.add(value)

    def _input(self, sequence: ir.Value) -> ir.Value:
        return ir.Value(name=self.builder.fresh(f"{sequence.name}_frame"), type=sequence.type)


def _read(value: ir.Value) -> bool:
    """Whether anything uses it."""
    return bool(value.uses()) or value.is_graph_output()
