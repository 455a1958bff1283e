"""Initial states of recurrences that exporters wrote for the batch of their example, opened for any batch.

1. Zeros, however they are made and of whatever batch, are no initial state at all: the operator starts from zeros.
2. A learned state of one sequence, or one that is the same for every sequence of the example, is expanded to the batch
   of the recurrence's input.
"""

from __future__ import annotations

import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.streaming.facts import constant
from rnnedge_export.streaming.recurrent import is_zero
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ModelRefused

_RECURRENT = ("RNN", "GRU", "LSTM")


def open_initial_states(model: ir.Model, name: str) -> None:
    """Cases 1 and 2 for every recurrence of the main graph, in place.

    Raises `ModelRefused` for constant states that differ from sequence to sequence; `name`: of the file.
    """
    builder = GraphBuilder(model)
    for node in list(model.graph):
        if node.op_type in _RECURRENT and not node.domain:
            for index in range(5, min(7, len(node.inputs))):
                _open(node, index, builder, name)


def _open(node: ir.Node, index: int, builder: GraphBuilder, name: str) -> None:
    value = node.inputs[index]
    if value is None:
        return
    if is_zero(value):
        node.replace_input_with(index, None)
        return
    batch_axis = 0 if node.attributes.get_int("layout", 0) else 1
    state = constant(value)
    if state is None:
        return
    row: Array = state.take([0], batch_axis)
    if not (state == row).all():
        raise ModelRefused(
            f"{name}: {node.name or node.outputs[0].name} ({node.op_type}): its initial states of the "
            f"{state.shape[batch_axis]} sequences of a batch differ; start every sequence from the same"
        )
    batch = builder.op("Gather", builder.op("Shape", node.inputs[0]), builder.ints(batch_axis), axis=0)
    sizes = [builder.ints(size) for size in row.shape]
    sizes[batch_axis] = batch
    wide = builder.op("Expand", builder.const(row), builder.op("Concat", *sizes, axis=0))
    assert node.graph is not None
    node.graph.insert_before(node, builder.take())
    node.replace_input_with(index, wide)
