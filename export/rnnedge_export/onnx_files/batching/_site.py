"""What a batching rule works with: a node, shapes for one sequence, and which values have a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.streaming.facts import constant
from rnnedge_runtime.errors import ModelRefused


class Site:
    """One node while it is rewritten; created by the walk, gone after the rule."""

    def __init__(
        self,
        node: ir.Node,
        shapes: Mapping[str, Sequence[int]],
        batched: set[ir.Value],
        builder: GraphBuilder,
        name: str,
    ) -> None:
        """`shapes`: by the name of a value, for one sequence. `name`: of the file, for messages."""
        self.node, self.builder, self._name = node, builder, name
        self._shapes, self._batched = shapes, batched

    def has_batch(self, index: int) -> bool:
        """Whether input `index` has a batch axis by now."""
        return index < len(self.node.inputs) and self.node.inputs[index] in self._batched

    def shape(self, index: int) -> Sequence[int]:
        """Of input `index`, for one sequence."""
        value = self.input(index)
        array = constant(value)
        return self._shapes[str(value.name)] if array is None else array.shape

    def rank(self, index: int) -> int:
        """Axes of input `index`, for one sequence."""
        return len(self.shape(index))

    def out_rank(self) -> int:
        """Axes of the first output, for one sequence."""
        return len(self._shapes[str(self.node.outputs[0].name)])

    def input(self, index: int) -> ir.Value:
        """Input `index`, which is there."""
        value = self.node.inputs[index]
        assert value is not None
        return value

    def numbers(self, index: int) -> list[int] | None:
        """Input `index` as constant integers; None where it is left out."""
        if index >= len(self.node.inputs) or self.node.inputs[index] is None:
            return None
        array = constant(self.node.inputs[index])
        if array is None:
            self.refuse("its axes are computed")
        return [int(n) for n in array.reshape(-1)]

    def put(self, index: int, value: ir.Value) -> None:
        """Read `value` as input `index`."""
        inputs = list(self.node.inputs)
        if index >= len(inputs):
            self.node.resize_inputs(index + 1)
        self.node.replace_input_with(index, value)

    def op(self, op_type: str, *inputs: ir.Value | None, **attributes: Any) -> ir.Value:
        """A node in front of this one."""
        return self.builder.op(op_type, *inputs, **attributes)

    def batch(self, index: int) -> ir.Value:
        """The number of sequences of input `index`, a vector of one."""
        return self.op("Shape", self.input(index), start=0, end=1)

    def after(self, index: int, change: Callable[[ir.Value], ir.Value]) -> None:
        """Everybody who reads output `index` reads `change` of it."""
        value, graph = self.node.outputs[index], self.node.graph
        assert isinstance(graph, ir.Graph)
        if not value.uses() and not value.is_graph_output():
            return
        graph.insert_before(self.node, self.builder.take())
        name, readers = value.name, list(value.uses())
        value.name = self.builder.fresh(f"{name}_inner")
        changed = change(value)
        nodes = self.builder.take()
        for reader, place in readers:
            reader.replace_input_with(place, changed)
        for place, output in enumerate(graph.outputs):
            if output is value:
                graph.outputs[place] = changed
        changed.name = name
        graph.insert_after(self.node, nodes)
        self._batched.add(changed)

    def become(self, value: ir.Value) -> None:
        """`value`, made by `op`, takes the place of the node."""
        old, graph = self.node.outputs[0], self.node.graph
        assert isinstance(graph, ir.Graph)
        graph.insert_before(self.node, self.builder.take())
        ir.convenience.replace_all_uses_with(old, value, replace_graph_outputs=True)
        old.name, value.name = self.builder.fresh(f"{old.name}_inner"), old.name
        graph.remove(self.node, safe=True)
        self._batched.add(value)

    def refuse(self, reason: str) -> NoReturn:
        """Raise the refusal of this node."""
        place = self.node.name or self.node.outputs[0].name
        raise ModelRefused(
            f"{self._name}: {place} ({self.node.op_type}): the file has no batch axis, and none can be added here: "
            f"{reason}; export it with a batch axis"
        )


def moved(axes: Sequence[int]) -> list[int]:
    """Axes move back by one; those counted from the end stay."""
    return [axis + 1 if axis >= 0 else axis for axis in axes]
