"""Initial states of recurrences that exporters wrote for the batch of their example, opened for any batch.

1. Zeros, however they are made and of whatever batch, are no initial state at all: the operator starts from zeros.
2. A learned state of one sequence, or one that is the same for every sequence of the example, is expanded to the batch
   of the recurrence's input.
3. A Scan says nothing of batches: a constant state of the example's batch is expanded to that of the graph's input. Of
   several axes of its size, on which the sequences are equal, it is the one nearest to the place of the batch in a
   frame, counted from the last axis.
"""

from __future__ import annotations

import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.streaming.facts import constant
from rnnedge_export.streaming.recurrent import is_zero
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ModelRefused

_RECURRENT = ("RNN", "GRU", "LSTM")


def open_initial_states(model: ir.Model, name: str, batch: int, axes: tuple[int, int]) -> None:
    """Every case, for every recurrence of the main graph, in place.

    `name`: of the file; `batch`: what it was written for; `axes`: batch and time of the graph's first input.
    Raises `ModelRefused` for constant states that differ from sequence to sequence.
    """
    builder = GraphBuilder(model)
    for node in list(model.graph):
        if node.op_type == "Scan" and not node.domain:
            _open_scan(node, builder, batch, model.graph.inputs[0], axes)
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
    assert node.inputs[0] is not None
    _expand(node, index, row, batch_axis, (node.inputs[0], batch_axis), builder)


def _open_scan(node: ir.Node, builder: GraphBuilder, batch: int, x: ir.Value, axes: tuple[int, int]) -> None:
    """Case 3."""
    body, frame = node.attributes["body"].as_graph(), [i for i in range(len(x.shape or ())) if i != axes[1]]
    place = frame.index(axes[0]) - len(frame)
    states = len(node.inputs) - node.attributes.get_int("num_scan_inputs", 0)
    for index in range(states):
        value = node.inputs[index]
        state = None if value is None else constant(value)
        if state is None or state.ndim == 0:
            continue
        _, nearest = zip(*sorted((abs(axis - state.ndim - place), axis) for axis in range(state.ndim)), strict=True)
        equal = (axis for axis in nearest if state.shape[axis] == batch and (state == state.take([0], axis)).all())
        axis = next(equal, None)
        if axis is not None:
            _expand(node, index, state.take([0], axis), axis, (x, axes[0]), builder)
            # What the body declares is of the example's batch.
            for inner in (*body.inputs, *(output for part in body for output in part.outputs)):
                inner.shape = None


def _expand(
    node: ir.Node, index: int, row: Array, axis: int, like: tuple[ir.Value, int], builder: GraphBuilder
) -> None:
    """The state of one sequence for as many as a value has on an axis."""
    sizes = [builder.ints(size) for size in row.shape]
    sizes[axis] = builder.op("Gather", builder.op("Shape", like[0]), builder.ints(like[1]), axis=0)
    wide = builder.op("Expand", builder.const(row), builder.op("Concat", *sizes, axis=0))
    assert node.graph is not None
    node.graph.insert_before(node, builder.take())
    node.replace_input_with(index, wide)
