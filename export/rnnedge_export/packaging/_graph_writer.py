"""The door between a graph and its callers: values of theirs, batch first, and of the graph, in its own order."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.packaging._ports import folded, tensor_type
from rnnedge_runtime.contract import BATCH, Array, Dim, Port, State
from rnnedge_runtime.state_buffers import shape_of


class GraphWriter:
    """Collects the new inputs and outputs of `model`, `given` and `found`, and the nodes that lead to the old ones."""

    def __init__(self, model: ir.Model, unit: int, batched: bool) -> None:
        """`unit`: frames of a call. `batched`: the batch is any number, else 1."""
        self.model, self.unit, self.batched = model, unit, batched
        self.graph, self.build = model.graph, GraphBuilder(model)
        self.old_in = {value.name: value for value in self.graph.inputs}
        self.old_out = {value.name: value for value in self.graph.outputs}
        self.given: list[ir.Value] = []
        self.found: list[ir.Value] = []

    def sizes(self, port: Port | State, axes: Sequence[int]) -> tuple[int, ...]:
        """The numbers of a shape without the batch, in the order of `axes`."""
        sizes = shape_of(port.shape, 1, port.clock.frames(self.unit) if isinstance(port, Port) else 1)
        return sizes if folded(port.shape) else tuple(sizes[axis] for axis in axes[1:]) or (1,)

    def to_inside(self, value: ir.Value, shape: tuple[Dim, ...], axes: Sequence[int]) -> ir.Value:
        """A value of a caller, as the graph reads it."""
        if folded(shape):
            return self.build.op("Squeeze", value, self.build.ints(0))
        if len(shape) == 1:
            return self.build.op("Squeeze", value, self.build.ints(1))
        back = [list(axes).index(axis) for axis in range(len(axes))]
        return value if back == sorted(back) else self.build.op("Transpose", value, perm=back)

    def to_outside(self, value: ir.Value, shape: tuple[Dim, ...], axes: Sequence[int]) -> ir.Value:
        """A value of the graph, as a caller gets it."""
        if folded(shape):
            return self.build.op("Unsqueeze", value, self.build.ints(0))
        if len(shape) == 1:
            return self.build.op("Unsqueeze", value, self.build.ints(1))
        return value if list(axes) == sorted(axes) else self.build.op("Transpose", value, perm=list(axes))

    def rows(self, array: Array, shape: tuple[Dim, ...], axes: Sequence[int]) -> Array:
        """An array of the graph's order, as a caller has it."""
        return array[None] if folded(shape) else array.transpose(axes)

    def along(self, calls: ir.Value, axes: int) -> ir.Value:
        """The count of each sequence, to be compared with values of `axes` axes after the batch."""
        return self.build.op("Reshape", calls, self.build.ints(-1, *[1] * axes))

    def new(self, name: str, dtype: str, sizes: tuple[int, ...]) -> ir.Value:
        """A new input."""
        value = ir.Value(name=name, shape=self.shape(sizes), type=tensor_type(dtype))
        self.given.append(value)
        return value

    def shape(self, sizes: tuple[int, ...]) -> ir.Shape:
        """With the batch in front."""
        return ir.Shape([BATCH if self.batched else 1, *sizes])

    def feed(self, old: ir.Value, new: ir.Value) -> None:
        """What read the old input reads the new value."""
        ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
        for name, value in self.old_out.items():
            if value is old:
                self.old_out[name] = new

    def give(self, value: ir.Value, name: str, dtype: str, sizes: tuple[int, ...]) -> None:
        """A new output."""
        named = self.build.op("Identity", value)
        named.name, named.type, named.shape = name, tensor_type(dtype), self.shape(sizes)
        self.found.append(named)

    def with_number(self, value: ir.Value, operator: str, number: int) -> ir.Value:
        """`value` and a number, through an operator of integers."""
        return self.build.op(operator, value, self.build.ints(number))
