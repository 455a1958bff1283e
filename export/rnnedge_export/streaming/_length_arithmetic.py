"""Values that follow from the length of the sequence alone, and what becomes of them.

A mask of attention, a distance between frames, the index of a window: they do not depend on the input, and in a stream
they are the same for every frame. Where such a value is

1. a table over pairs of frames (time stands on two of its axes), or
2. the index by which a streamed value is gathered along time,

the rule that meets it evaluates it and writes what it comes to. Whatever served only to compute it is left out.
"""

from __future__ import annotations

import onnx_ir as ir

from rnnedge_export.graph.dependence import dependent
from rnnedge_export.graph.symbolic_dims import grows


def absorbed(graph: ir.Graph) -> set[ir.Value]:
    """The values of cases 1 and 2, and those that only serve them."""
    entered = dependent(graph)
    known: dict[ir.Value, bool] = {}

    def settled(value: ir.Value) -> bool:
        """Whether every reader of a value that does not depend on the input is settled too."""
        if value not in known:
            uses = list(value.uses())
            known[value] = bool(uses) and not value.is_graph_output() and all(
                _meets(value, node, index)
                if any(out in entered for out in node.outputs)
                else all(settled(out) for out in node.outputs)
                for node, index in uses
            )  # fmt: skip
        return known[value]

    constants = set(graph.initializers.values())
    return {
        value
        for node in graph
        for value in node.outputs
        if value not in entered and value not in constants and settled(value)
    }


def is_table(value: ir.Value) -> bool:
    """Whether time stands on two axes of a value."""
    return value.shape is not None and sum(grows(d if isinstance(d, int) else str(d), "time") for d in value.shape) == 2


def _meets(value: ir.Value, node: ir.Node, index: int) -> bool:
    if node.op_type == "Gather":
        return index == 1 and value.shape is not None and len(value.shape) > 0
    return is_table(value) and node.op_type != "Shape"
