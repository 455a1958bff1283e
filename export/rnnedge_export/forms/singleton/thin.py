"""The fact that singleton sinking carries, and the place where a rule uses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder


@dataclass(frozen=True)
class Thin:
    """`value` of the original graph equals Unsqueeze(base, axes); `axes`, of size 1, count on `value`, ascending."""

    value: ir.Value
    base: ir.Value
    axes: tuple[int, ...] = ()

    @property
    def rank(self) -> int | None:
        """The number of axes of `value`."""
        return None if self.value.shape is None else len(self.value.shape)

    def on_base(self, axis: int) -> int:
        """Where `axis` of `value`, not one of `axes`, is found on `base`."""
        return axis - sum(a < axis for a in self.axes)


def keep(builder: GraphBuilder, thin: Thin, axes: Sequence[int] = ()) -> ir.Value:
    """`thin.value` without `axes`, a subset of `thin.axes`; the others are put back."""
    back = [a - sum(d < a for d in axes) for a in thin.axes if a not in axes]
    return builder.op("Unsqueeze", thin.base, builder.ints(*back)) if back else thin.base


class Site:
    """One node during the pass, with what is known about its inputs. A rule reads it and records its successor."""

    def __init__(self, node: ir.Node, inputs: Sequence[Thin | None], builder: GraphBuilder) -> None:
        """`inputs` stands for the node's inputs in order, None for a missing optional one."""
        self.node = node
        self.inputs = inputs
        self.builder = builder

    def full(self, index: int) -> ir.Value | None:
        """Input `index` as it was in the original graph, None where the node has none."""
        thin = self.inputs[index] if index < len(self.inputs) else None
        return None if thin is None else keep(self.builder, thin)

    def succeed(
        self,
        inputs: Sequence[ir.Value | None],
        axes: Sequence[int],
        op_type: str | None = None,
        **changed: Any,
    ) -> list[Thin]:
        """Record the node with new inputs and `changed` attributes (None: without it); every output lacks `axes`."""
        node = self.node
        attributes = {key: attribute.value for key, attribute in node.attributes.items()} | changed
        successor = ir.Node(
            node.domain,
            op_type or node.op_type,
            inputs,
            ir.convenience.convert_attributes({k: v for k, v in attributes.items() if v is not None}),
            num_outputs=len(node.outputs),
            name=node.name,
        )
        hint = node.outputs[0].name or ""
        return [
            self.thin(old, new, axes)
            for old, new in zip(node.outputs, self.builder.add(successor, hint).outputs, strict=True)
        ]

    def thin(self, value: ir.Value, base: ir.Value, axes: Sequence[int]) -> Thin:
        """The fact about an output of the node; a base without type or shape takes them from `value`."""
        ordered = tuple(sorted(axes))
        base.type = base.type or value.type
        if base.shape is None and value.shape is not None:
            base.shape = ir.Shape(dim for k, dim in enumerate(value.shape) if k not in ordered)
        return Thin(value, base, ordered)
