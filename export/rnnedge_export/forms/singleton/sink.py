"""Take size-1 axes out of a graph's signature and push the Unsqueeze that stands for each down through the graph.

1. A chosen input loses its axis: the old value is then known to equal Unsqueeze(new input, axis). Every Unsqueeze that
   the graph already has is the same kind of fact.
2. A node that reads such a value is replaced by one that reads the base instead, where a rule (`RULES`) proves that
   the results are equal; each rule is local and states what it needs.
3. Where there is no rule, or its conditions do not hold, the Unsqueeze is written in front of the node: always right.
4. A value read inside a subgraph is written in full.
5. A chosen output loses its axis: it is the base where the fact says so, and goes through a Squeeze otherwise.
6. At last a MatMul of two axes followed by the addition of a constant becomes one Gemm.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from rnnedge_export.forms.singleton.compute import COMPUTE
from rnnedge_export.forms.singleton.layout import LAYOUT
from rnnedge_export.forms.singleton.thin import Site, Thin, keep
from rnnedge_export.graph.builder import GraphBuilder, subgraphs
from rnnedge_export.graph.gemm_fusion import fuse_gemm
from rnnedge_export.graph.shape_inference import infer_shapes
from rnnedge_runtime.errors import ModelRefused

RULES = {**COMPUTE, **LAYOUT}


def drop_singleton(model: ir.Model, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
    """Remove one size-1 axis from each named graph input and output, in place; names stay.

    `inputs` and `outputs` map a name to the axis that it loses, counted from 0 on its present shape. With two empty
    maps the signature stays and only pairs of Unsqueeze and Squeeze inside the graph cancel.

    Raises `ModelRefused` for a name that the graph lacks, or an axis that is not stated to be of size 1.
    """
    infer_shapes(model)
    graph = model.graph
    for ports, chosen, side in ((graph.inputs, inputs, "input"), (graph.outputs, outputs, "output")):
        _check(list(ports), chosen, side)
    sinker = _Sinker(model)
    for index, value in enumerate(graph.inputs):
        if (axis := inputs.get(value.name or "")) is not None:
            graph.inputs[index] = sinker.replace_input(value, axis)
    for node in list(graph):
        sinker.visit(node)
    for index, value in enumerate(graph.outputs):
        graph.outputs[index] = sinker.replace_output(value, outputs.get(value.name or ""))
    sinker.finish()
    fuse_gemm(model)
    ir.passes.common.RemoveUnusedNodesPass()(model)
    infer_shapes(model)


class _Sinker:
    """One run of the pass over one main graph."""

    def __init__(self, model: ir.Model) -> None:
        self.builder = GraphBuilder(model)
        self.graph = model.graph
        self.facts: dict[ir.Value, Thin] = {}
        self.written: dict[tuple[ir.Value, tuple[int, ...]], ir.Value] = {}
        self.replaced: list[ir.Node] = []
        self.names: list[tuple[ir.Value, str]] = []

    def replace_input(self, value: ir.Value, axis: int) -> ir.Value:
        """Case 1: the input without its axis."""
        assert value.shape is not None
        name = value.name
        shape = ir.Shape(dim for k, dim in enumerate(value.shape) if k != axis)
        value.name = self.builder.fresh(f"{name}.full")
        base = ir.Value(name=name, type=value.type, shape=shape)
        self.facts[value] = Thin(value, base, (axis,))
        return base

    def visit(self, node: ir.Node) -> None:
        """Cases 2 to 4."""
        for inner in subgraphs(node):
            self._fill_in(inner)
        thins = [None if value is None else self._fact(value) for value in node.inputs]
        results = self._apply_rule(node, thins)
        if results is not None:
            self.facts.update({thin.value: thin for thin in results})
            self.replaced.append(node)
        else:
            for index, thin in enumerate(thins):
                if thin is not None and thin.base is not thin.value:
                    node.replace_input_with(index, self._write(thin))
        self.graph.insert_before(node, self.builder.take())

    def _apply_rule(self, node: ir.Node, thins: list[Thin | None]) -> list[Thin] | None:
        if node.domain != "" or not (node.op_type == "Unsqueeze" or any(thin and thin.axes for thin in thins)):
            return None
        rule = RULES.get(node.op_type)
        return None if rule is None else rule(Site(node, thins, self.builder))

    def replace_output(self, value: ir.Value, axis: int | None) -> ir.Value:
        """Case 5."""
        thin, name = self._fact(value), value.name or ""
        if axis is None:
            new = self._write(thin)
        elif axis in thin.axes:
            new = keep(self.builder, thin, (axis,))
        else:
            new = self.builder.op("Squeeze", self._write(thin), self.builder.ints(axis))
        if new is value:
            return value
        producer = new.producer()
        if producer is None or new.is_graph_output() or any(new is other for other, _ in self.names):
            new = self.builder.op("Identity", new)
        new.type = value.type
        if value.shape is not None:
            new.shape = ir.Shape(dim for k, dim in enumerate(value.shape) if k != axis)
        value.name = self.builder.fresh(f"{name}.full")
        self.names.append((new, name))
        return new

    def finish(self) -> None:
        """Write what the outputs need, remove what was replaced, and give the outputs their names."""
        self.graph.extend(self.builder.take())
        for node in reversed(self.replaced):
            self.graph.remove(node, safe=True)
        for value, name in self.names:
            value.name = name

    def _fact(self, value: ir.Value) -> Thin:
        return self.facts.get(value) or Thin(value, value)

    def _write(self, thin: Thin) -> ir.Value:
        """The value in full, written once for all its readers."""
        if not thin.axes:
            return thin.base
        key = (thin.base, thin.axes)
        if key not in self.written:
            value = self.builder.op("Unsqueeze", thin.base, self.builder.ints(*thin.axes))
            value.type, value.shape = thin.value.type, thin.value.shape
            self.written[key] = value
        return self.written[key]

    def _fill_in(self, graph: ir.Graph) -> None:
        for node in graph.all_nodes():
            for index, value in enumerate(node.inputs):
                if value is not None and value in self.facts:
                    node.replace_input_with(index, self._write(self.facts[value]))


def _check(ports: list[ir.Value], chosen: Mapping[str, int], side: str) -> None:
    shapes = {value.name: value.shape for value in ports}
    for name, axis in chosen.items():
        if name not in shapes:
            raise ModelRefused(f"graph {side} {name!r}: expected one of {', '.join(map(str, shapes))}")
        shape = shapes[name]
        if shape is None or not 0 <= axis < len(shape) or shape[axis] != 1:
            raise ModelRefused(f"graph {side} {name!r} of shape {shape}: expected size 1 on axis {axis}")
