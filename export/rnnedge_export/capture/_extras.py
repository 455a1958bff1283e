"""What the arguments of a module next to its sequences are, read from its captured graph.

1. One that nothing reads is refused: whatever a caller gave would change nothing.
2. One that only starts recurrences, or stands in front of a sequence, is where every stream starts by default: a
   constant, of which the streaming graph makes states. So is what a module of one step is given next to its frame.
3. Any other one is a context: it stays an input of the graph, and every stream is given its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import onnx_ir as ir

from rnnedge_export.capture.example import Extra
from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.graph.symbolic_dims import grows
from rnnedge_runtime.errors import ModelRefused

_MOVES = {"Cast", "Expand", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"}
_RECURRENCES = {"GRU", "LSTM", "RNN"}


def settle_extras(model: ir.Model, extras: Sequence[Extra], batch_axis: int, name: str) -> tuple[Extra, ...]:
    """The contexts among `extras`, which are the last inputs of the graph; the others are bound to their example.

    Raises `ModelRefused` for one that nothing reads.
    """
    graph = model.graph
    count = len(graph.inputs) - len(extras)
    contexts = []
    for extra, value in zip(extras, list(graph.inputs)[count:], strict=True):
        ends = set(_ends(value))
        if not ends:
            raise ModelRefused(
                f"{name}: {extra.name!r}: nothing in forward reads it, so a stream could not be given another; leave "
                "it out of the example"
            )
        if extra.state or ends == {"start"}:
            _bind(model, value, extra, batch_axis)
        else:
            contexts.append(extra)
    return tuple(contexts)


def is_read(value: ir.Value) -> bool:
    """Whether a result depends on its numbers, as far as the graph shows."""
    return next(_ends(value), None) is not None


def _ends(value: ir.Value) -> Iterator[str]:
    """What becomes of a value: "start" for a start of a recurrence or a sequence, "other" for anything else."""
    if value.is_graph_output():
        yield "other"
    for node, index in value.uses():
        if node.op_type == "Shape":
            continue
        if _starts(node, index, value):
            yield "start"
        elif node.op_type in _MOVES and index == 0:
            for output in node.outputs:
                yield from _ends(output)
        elif node.op_type == "Concat":
            yield from _ends(node.outputs[0])
        else:
            yield "other"


def _starts(node: ir.Node, index: int, value: ir.Value) -> bool:
    if node.op_type in _RECURRENCES:
        return index in (5, 6)
    if node.op_type == "Scan":
        return index < len(node.inputs) - node.attributes.get_int("num_scan_inputs", 0)
    return node.op_type == "Concat" and _in_front(node, value)


def _in_front(node: ir.Node, value: ir.Value) -> bool:
    """Whether frames of a sequence follow it along time: a cache that the caller begins with."""
    joined, part = node.outputs[0].shape, value.shape
    if joined is None or part is None:
        return False
    axis = node.attributes.get_int("axis", 0) % len(joined)
    return _is_long(joined[axis]) and not _is_long(part[axis])


def _is_long(dim: int | ir.SymbolicDim) -> bool:
    return not isinstance(dim, int) and grows(str(dim), "time")


def _bind(model: ir.Model, value: ir.Value, extra: Extra, batch_axis: int) -> None:
    """Case 2: that of the first sequence, for every sequence of a batch."""
    graph, builder = model.graph, GraphBuilder(model)
    array = extra.first.numpy()
    before, after = (builder.ints(*array.shape[cut]) for cut in (slice(extra.axis), slice(extra.axis + 1, None)))
    batch = builder.op("Shape", graph.inputs[0], start=batch_axis, end=batch_axis + 1)
    sizes = [part for part in (before, batch, after) if part is batch or part.shape != ir.Shape([0])]
    shape = builder.op("Concat", *sizes, axis=0) if len(sizes) > 1 else batch
    start = builder.op("Expand", builder.const(np.ascontiguousarray(array), f"{extra.name}_start"), shape)
    start.type, start.shape = value.type, value.shape
    batch.type = shape.type = ir.TensorType(ir.DataType.INT64)
    batch.shape, shape.shape = ir.Shape([1]), ir.Shape([array.ndim])
    ir.convenience.replace_all_uses_with(value, start)
    graph.inputs.remove(value)
    for node in reversed(builder.take()):
        graph.insert_before(graph[0], node)
