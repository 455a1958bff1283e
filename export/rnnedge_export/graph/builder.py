"""Where a form pass writes its nodes: unique names, shared constants, and constant operations done at once.

1. Every value and node gets a name that no other value or node of the model has, subgraphs included. A value of a Scan
   body that is called like a *later* value outside is legal to `NameFixPass` and refused by onnxruntime.
2. Names come from a counter and a hint only: the same model gives the same names.
3. A constant becomes an initializer of the main graph, whichever graph reads it; equal constants are one initializer.
4. An operation of `FOLDS` whose inputs are all constant is computed here and leaves no node, so weights are
   transposed, cut and summed while compiling, and appear in the file once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from rnnedge_export.graph._folding import FOLDS

Array = npt.NDArray[Any]


class GraphBuilder:
    """Records nodes for one model. Created by a pass; `branch` records a subgraph of the same model."""

    def __init__(self, model: ir.Model) -> None:
        """Collect every name that `model` uses."""
        self.opset = model.opset_imports.get("", 0)
        self._main = model.graph
        self._names = set(_names(model.graph))
        self._counts: dict[str, int] = {}
        self._constants: dict[bytes, ir.Value] = {}
        self._nodes: list[ir.Node] = []
        self.place = ""
        """Name of the node being rewritten; it begins the names of the nodes recorded."""

    def branch(self) -> GraphBuilder:
        """A builder with a list of nodes of its own; names and constants stay shared."""
        other = GraphBuilder.__new__(GraphBuilder)
        other.__dict__.update(self.__dict__)
        other._nodes = []
        return other

    def take(self) -> list[ir.Node]:
        """The nodes recorded since the last `take`, in order."""
        nodes, self._nodes[:] = list(self._nodes), []
        return nodes

    def fresh(self, hint: str) -> str:
        """A name unique in the model: `hint`, or `hint_1`, `hint_2`, ..."""
        name = hint
        while name in self._names:
            count = self._counts[hint] = self._counts.get(hint, 0) + 1
            name = f"{hint}_{count}"
        self._names.add(name)
        return name

    def ops(
        self, op_type: str, *inputs: ir.Value | None, outputs: int, hint: str = "", domain: str = "", **attributes: Any
    ) -> list[ir.Value]:
        """Record one node and return its `outputs` values; case 4 returns initializers instead."""
        if op_type in FOLDS and not domain:
            arrays = [None if v is None else constant(v) for v in inputs]
            if all(v is None or a is not None for v, a in zip(inputs, arrays, strict=True)):
                results = FOLDS[op_type](arrays, attributes, outputs)
                return [self.const(a, hint or op_type.lower()) for a in results]
        attrs = ir.convenience.convert_attributes(attributes)
        node = ir.Node(domain, op_type, inputs, attrs, num_outputs=outputs)
        return list(self.add(node, hint).outputs)

    def op(
        self, op_type: str, *inputs: ir.Value | None, hint: str = "", domain: str = "", **attributes: Any
    ) -> ir.Value:
        """Record one node with one output."""
        return self.ops(op_type, *inputs, outputs=1, hint=hint, domain=domain, **attributes)[0]

    def add(self, node: ir.Node, hint: str = "") -> ir.Node:
        """Record a ready-made node under fresh names, its subgraphs' values and nodes included."""
        hint = hint or node.op_type.lower()
        node.name = self.fresh(node.name or "/".join(filter(None, (self.place, node.op_type))))
        for value in node.outputs:
            value.name = self.fresh(hint)
        for graph in subgraphs(node):
            for value in graph.inputs:
                value.name = self.fresh(value.name or hint)
            for inner in graph.all_nodes():
                inner.name = self.fresh(inner.name or f"{hint}/{inner.op_type}")
                for value in inner.outputs:
                    if value.name:
                        value.name = self.fresh(value.name)
        self._nodes.append(node)
        return node

    def const(self, array: Array, hint: str = "constant") -> ir.Value:
        """The initializer of the main graph that holds `array`."""
        array = np.ascontiguousarray(array) if array.ndim else array
        key = sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).digest()
        if key not in self._constants:
            name = self.fresh(hint)
            tensor = ir.tensor(array, name=name)
            value = ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype))
            value.const_value = tensor
            self._main.register_initializer(value)
            self._constants[key] = value
        return self._constants[key]

    def ints(self, *numbers: int) -> ir.Value:
        """A constant int64 vector."""
        return self.const(np.array(numbers, np.int64), "axes")

    def scalar(self, number: float, like: ir.DataType) -> ir.Value:
        """A constant scalar of dtype `like`."""
        return self.const(np.asarray(number, like.numpy()), "scalar")


def constant(value: ir.Value) -> Array | None:
    """The array that `value` always holds, or None: an initializer that is also a graph input may change."""
    if value.is_graph_input():
        return None
    tensor = ir.convenience.get_const_tensor(value)
    return None if tensor is None else tensor.numpy()


def subgraphs(node: ir.Node) -> Iterator[ir.Graph]:
    """The graphs held directly by the attributes of `node`."""
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            yield attribute.as_graph()
        elif attribute.type == ir.AttributeType.GRAPHS:
            yield from attribute.as_graphs()


def replace(node: ir.Node, builder: GraphBuilder, values: Sequence[ir.Value | None]) -> None:
    """Put the recorded nodes in the place of `node`; `values[k]` stands for its output k (None: nobody reads it).

    A graph output keeps its name. It goes through an Identity where the new value is a graph input, an initializer,
    belongs to another graph, or is an output already.
    """
    graph = node.graph
    assert isinstance(graph, ir.Graph)
    renamed: list[tuple[ir.Value, str]] = []
    for old, new in zip(node.outputs, values, strict=True):
        if new is None:
            continue
        if old.is_graph_output():
            taken = any(new is value for value, _ in renamed)
            producer = new.producer()
            if taken or producer is None or new.is_graph_output() or producer.graph not in (None, graph):
                new = builder.op("Identity", new)
            renamed.append((new, old.name or ""))
        new.type = new.type or old.type
        new.shape = new.shape or old.shape
        ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
    graph.insert_before(node, builder.take())
    graph.remove(node, safe=True)
    for value, name in renamed:
        value.name = name


def _names(graph: ir.Graph) -> Iterator[str]:
    for part in (graph, *graph.subgraphs()):
        yield from (value.name for value in (*part.inputs, *part.initializers.values()) if value.name)
        for node in part:
            yield from (value.name for value in node.outputs if value.name)
            if node.name:
                yield node.name
