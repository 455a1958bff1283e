"""Values per sequence: the caller gives them, every call reads them, and the graph hands them on as they are.

1. A context is a state that nothing changes: an input, and an output that is the same.
2. A state that starts from what is computed of a context starts from that in the first call that counts, and goes on
   from what the call before left in every later one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import onnx_ir as ir
import torch

from rnnedge_export.graph.dependence import entered_by
from rnnedge_export.graph.symbolic_dims import grows
from rnnedge_export.streaming._caches import insert
from rnnedge_export.streaming.facts import Carried, Facts, Held, dims
from rnnedge_runtime.contract import BATCH, State


class Context(Protocol):
    """A value per sequence that a module takes."""

    @property
    def axis(self) -> int:
        """Where the batch is."""

    @property
    def default(self) -> torch.Tensor | None:
        """What a stream has that is given none."""

    @property
    def first(self) -> torch.Tensor:
        """The default, or that of the example, with a batch of 1."""


def hand_on(graph: ir.Graph, value: ir.Value, context: Context, facts: Facts) -> State:
    """Case 1."""
    graph.inputs.append(value)
    same = ir.Node("", "Identity", [value])
    out = same.outputs[0]
    out.name, out.type, out.shape = facts.builder.fresh(f"{value.name}_next"), value.type, value.shape
    graph.append(same)
    graph.outputs.append(out)
    shape = tuple(BATCH if i == context.axis else d for i, d in enumerate(dims(value)))
    assert value.dtype is not None
    initial = np.ascontiguousarray(context.first.numpy())
    need = "required" if context.default is None else "optional"
    return State(str(value.name), str(out.name), str(value.dtype.numpy()), shape, context.axis, initial, context=need)


def start_from_contexts(
    graph: ir.Graph, carried: Sequence[Carried], contexts: Sequence[ir.Value], facts: Facts
) -> Mapping[Carried, ir.Node]:
    """Case 2: for each such state the node that chooses, of which input 1 is to be the state."""
    if not contexts:
        return {}
    entered = entered_by(contexts, graph)
    found = {}
    for state in carried:
        node = state.node
        start = node.inputs[state.read] if state.read < len(node.inputs) else None
        if start is not None and start in entered:
            found[state] = _chosen(state, start, facts)
    return found


def _chosen(state: Carried, start: ir.Value, facts: Facts) -> ir.Node:
    node, builder, dtype = state.node, facts.builder, ir.DataType.FLOAT
    shape = [d if grows(d, BATCH) else 1 for d in dims(start)]
    begun = ir.Value(name=builder.fresh(f"{state.name}.begun"), type=ir.TensorType(dtype), shape=ir.Shape(shape))
    after = insert(node, facts, "Max", begun, builder.scalar(1.0, dtype))
    facts.states.append(Held(begun, after, str(begun.name), tuple(shape), 0.0, state.warmup))
    has_begun = insert(node, facts, "Greater", begun, builder.scalar(0.5, dtype))
    # Twice the start, until the state takes the first place.
    chosen = insert(node, facts, "Where", has_begun, start, start, like=start)
    node.replace_input_with(state.read, chosen)
    chosen.shape = start.shape
    choice = chosen.producer()
    assert choice is not None
    return choice
