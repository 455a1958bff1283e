"""The place where a rule of the axis pass is used: one node, and what is known of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnx_ir as ir

from rnnedge_export.graph.axes._fact import AxisFact, Order, arrange, known
from rnnedge_export.graph.builder import GraphBuilder, constant


class Site:
    """One node during the pass. A rule reads it, records a successor, and returns the facts of the node's outputs."""

    def __init__(self, node: ir.Node, inputs: Sequence[AxisFact | None], builder: GraphBuilder, lazy: bool) -> None:
        """`inputs`: None for a missing optional one. `lazy`: a Transpose becomes a fact, else it is written."""
        self.node = node
        self.inputs = inputs
        self.builder = builder
        self.lazy = lazy

    def full(self, index: int) -> ir.Value | None:
        """Input `index` as it was in the original graph, None where the node has none."""
        fact = self.inputs[index] if index < len(self.inputs) else None
        return None if fact is None else arrange(self.builder, fact.base, fact.order or ())

    def succeed(self, inputs: Sequence[ir.Value | None], order: Order | None = None, **changed: Any) -> list[AxisFact]:
        """Record the node with new inputs and `changed` attributes; `order`: of its old outputs, from the new ones."""
        node = self.node
        attributes = {key: attribute.value for key, attribute in node.attributes.items()} | changed
        successor = ir.Node(
            node.domain,
            node.op_type,
            inputs,
            ir.convenience.convert_attributes(attributes),
            num_outputs=len(node.outputs),
            name=node.name,
        )
        made = self.builder.add(successor, node.outputs[0].name or "").outputs
        return [self.fact(old, new, order) for old, new in zip(node.outputs, made, strict=True)]

    def fact(self, value: ir.Value, base: ir.Value, order: Order | None = None) -> AxisFact:
        """The fact of an output of the node, which is `base` without an `order`; types and shapes are handed down."""
        fact = known(value) if order is None else AxisFact(value, value, order)
        base.type = base.type or value.type
        if base.shape is None and value.shape is not None and fact.order is not None:
            dims = {source: dim for source, dim in zip(fact.order, value.shape, strict=True) if source is not None}
            base.shape = ir.Shape(dims[source] for source in sorted(dims))
        return AxisFact(value, base, fact.order)


Rule = Callable[[Site], "list[AxisFact] | None"]
"""The facts of a node's outputs; None where the rule cannot prove any. It records nothing then."""


def plain_bases(facts: Sequence[AxisFact | None]) -> list[ir.Value | None] | None:
    """The inputs themselves, where nothing is known of any; None otherwise."""
    if any(fact and not fact.plain for fact in facts):
        return None
    return [fact.base if fact else None for fact in facts]


def constant_ints(fact: AxisFact | None) -> list[int] | None:
    """The numbers of an input that is a constant integer vector or scalar."""
    array = None if fact is None or not fact.plain else constant(fact.base)
    if array is None or fact is None or fact.base.dtype not in (ir.DataType.INT64, ir.DataType.INT32, None):
        return None
    return [int(n) for n in array.reshape(-1)]
