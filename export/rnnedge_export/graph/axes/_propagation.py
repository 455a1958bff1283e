"""Facts about axes, carried from node to node.

1. A chosen input changes its axes: the old value is then known as a view of the new input. Every Unsqueeze and
   Transpose that the graph already has is the same kind of fact.
2. A node that reads such a value is replaced by one that reads the base instead, where a rule (`RULES`) proves that
   the results are equal; each rule is local and states what it needs.
3. Where the rule cannot follow a permutation, the Transpose is written in front of the node, and the rule asked again.
4. If there is no rule, or its conditions do not hold, the value is written in full: always right.
5. A value read inside a subgraph is written in full.
6. An output is taken in the order of axes that is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from rnnedge_export.graph.axes._compute import COMPUTE
from rnnedge_export.graph.axes._fact import AxisFact, Order, arrange, known, with_units
from rnnedge_export.graph.axes._layout import LAYOUT
from rnnedge_export.graph.axes._site import Rule, Site
from rnnedge_export.graph.builder import GraphBuilder, subgraphs

RULES: dict[str, Rule] = {**COMPUTE, **LAYOUT}


class Propagation:
    """One run over one main graph, in the order of its nodes. `lazy`: a Transpose becomes a fact, not a node."""

    def __init__(self, model: ir.Model, *, lazy: bool) -> None:
        self.builder = GraphBuilder(model)
        self.graph = model.graph
        self._starts = {"Unsqueeze", "Transpose"} if lazy else {"Unsqueeze"}
        self._lazy = lazy
        self._facts: dict[ir.Value, AxisFact] = {}
        self._written: dict[tuple[ir.Value, Order], ir.Value] = {}
        self._replaced: list[ir.Node] = []
        self._names: list[tuple[ir.Value, str]] = []

    def replace_input(self, index: int, order: Order) -> None:
        """Case 1: axis k of what the graph reads is axis `order[k]` of its input `index` from now on."""
        value = self.graph.inputs[index]
        assert value.shape is not None
        dims = {source: dim for source, dim in zip(order, value.shape, strict=True) if source is not None}
        base = ir.Value(name=value.name, type=value.type, shape=ir.Shape(dims[k] for k in sorted(dims)))
        value.name = self.builder.fresh(f"{value.name}.full")
        self._facts[value] = AxisFact(value, base, order)
        self.graph.inputs[index] = base

    def run(self) -> None:
        """Cases 2 to 5, for every node."""
        for node in list(self.graph):
            for inner in subgraphs(node):
                self._fill_in(inner)
            self._visit(node)
            self.graph.insert_before(node, self.builder.take())

    def view(self, index: int, order: Order | None = None) -> AxisFact:
        """What is known of output `index`, its axes arranged by `order`: axis k is axis `order[k]` of the output."""
        fact = self._fact(self.graph.outputs[index])
        if order is None or fact.order is None:
            return fact
        return AxisFact(fact.value, fact.base, tuple(None if s is None else fact.order[s] for s in order))

    def replace_output(self, index: int, new: ir.Value, shape: ir.Shape | None) -> None:
        """Case 6: `new` is what the graph gives, by the old name."""
        value = self.graph.outputs[index]
        if new is value:
            return
        producer = new.producer()
        if producer is None or new.is_graph_output() or any(new is other for other, _ in self._names):
            new = self.builder.op("Identity", new)
        new.type, new.shape = value.type, shape
        name = value.name or ""
        value.name = self.builder.fresh(f"{name}.full")
        self._names.append((new, name))
        self.graph.outputs[index] = new

    def finish(self) -> None:
        """Write what the outputs need, remove what was replaced, and give the outputs their names."""
        self.graph.extend(self.builder.take())
        for node in reversed(self._replaced):
            self.graph.remove(node, safe=True)
        for value, name in self._names:
            value.name = name

    def full(self, fact: AxisFact) -> ir.Value:
        """The value in full, written once for all its readers."""
        settled = self._settled(fact)
        if settled.plain or settled.order is None:
            return settled.base
        return self._once(settled.base, settled.order, fact)

    def _visit(self, node: ir.Node) -> None:
        facts = [None if value is None else self._fact(value) for value in node.inputs]
        results = self._results(node, facts)
        if results is not None:
            self._facts.update({fact.value: fact for fact in results})
            self._replaced.append(node)
            return
        for index, fact in enumerate(facts):
            if fact is not None and fact.base is not fact.value:
                node.replace_input_with(index, self.full(fact))

    def _results(self, node: ir.Node, facts: Sequence[AxisFact | None]) -> list[AxisFact] | None:
        rule = RULES.get(node.op_type)
        known_of_some = any(fact and not fact.plain for fact in facts)
        if rule is None or node.domain != "" or not (known_of_some or node.op_type in self._starts):
            return None
        results = rule(Site(node, facts, self.builder, self._lazy))
        if results is None and any(fact and fact.moves for fact in facts):
            settled = [fact and self._settled(fact) for fact in facts]
            if any(fact and not fact.plain for fact in settled):
                results = rule(Site(node, settled, self.builder, self._lazy))
        return results

    def _fact(self, value: ir.Value) -> AxisFact:
        return self._facts.get(value) or known(value)

    def _settled(self, fact: AxisFact) -> AxisFact:
        """Case 3: the same without a permutation."""
        if not fact.moves or fact.order is None:
            return fact
        taken = tuple(source for source in fact.order if source is not None)
        base = self._once(fact.base, taken, fact if not fact.units else None)
        return AxisFact(fact.value, base, with_units(len(fact.order), fact.units))

    def _once(self, base: ir.Value, order: Order, like: AxisFact | None) -> ir.Value:
        if (base, order) not in self._written:
            value = arrange(self.builder, base, order)
            value.type = base.type
            if like is not None:
                value.shape = like.value.shape
            elif base.shape is not None:
                value.shape = ir.Shape(base.shape[source] for source in order if source is not None)
            self._written[base, order] = value
        return self._written[base, order]

    def _fill_in(self, graph: ir.Graph) -> None:
        for node in graph.all_nodes():
            for index, value in enumerate(node.inputs):
                if value is not None and value in self._facts:
                    node.replace_input_with(index, self.full(self._facts[value]))
