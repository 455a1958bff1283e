"""What a module reads of a sequence by its length, where that is the length of all frames.

1. The last frame: `y.gather(1, lengths - 1)`, `y[torch.arange(b), lengths - 1]`.
2. A mean: a sum over time, divided by the length.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, replace
from rnnedge_export.graph.length_values import LengthValues
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.graph.symbolic_dims import grows, size
from rnnedge_export.streaming.facts import constant, dims, integers
from rnnedge_runtime.contract import Array

_END = (1 << 63) - 1
_BATCHES = (2, 3)
# A length is repeated for every sequence, which are counted.
_REPEATED = ("Expand", "Range")


def read_by_length(model: ir.Model, builder: GraphBuilder, lengths: Lengths) -> None:
    """Both cases, in place."""
    values = LengthValues(model, _REPEATED)
    for node in list(model.graph):
        if node.op_type in ("GatherElements", "GatherND"):
            _last_frame(node, builder, values, lengths)
        elif node.op_type == "Div":
            _mean(node, builder, values, lengths)


def _last_frame(node: ir.Node, builder: GraphBuilder, values: LengthValues, lengths: Lengths) -> None:
    """Case 1: the only frame that is read of every sequence, and all of it."""
    value, index = node.inputs[:2]
    if value is None or index is None or value.shape is None or constant(index) is not None:
        return
    whole, by_pairs = dims(value), node.op_type == "GatherND"
    axis = 1 if by_pairs else node.attributes.get_int("axis", 0) % len(whole)
    batched = node.attributes.get_int("batch_dims", 0) > 0
    if batched or axis >= len(whole) or not grows(str(whole[axis]), "time"):
        return
    for batch in _BATCHES:
        for time in lengths.samples:
            sizes = [size(d, batch, time) for d in whole]
            found = values.at(index, batch, time)
            if found is None or None in sizes or not _is_last(found, sizes, axis, by_pairs):
                return
    builder.place = node.name or node.op_type
    last = builder.op("Slice", value, *map(builder.ints, (-1, _END, axis)))
    replace(node, builder, [builder.op("Squeeze", last, builder.ints(axis)) if by_pairs else last])


def _is_last(index: Array, sizes: list[int | None], axis: int, by_pairs: bool) -> bool:
    batch, last = sizes[0], (sizes[axis] or 0) - 1
    if not by_pairs:
        one = [1 if i == axis else n for i, n in enumerate(sizes)]
        return list(index.shape) == one and bool((index % (last + 1) == last).all())
    pairs = np.stack([np.arange(batch or 0), np.full(batch or 0, last)], -1)
    return np.array_equal(index, pairs)


def _mean(node: ir.Node, builder: GraphBuilder, values: LengthValues, lengths: Lengths) -> None:
    """Case 2: of a sum that nothing else reads, over time alone."""
    total, count = node.inputs
    summed = total.producer() if total is not None else None
    if summed is None or count is None or summed.op_type != "ReduceSum" or len(summed.outputs[0].uses()) != 1:
        return
    axes, value, result = integers(summed, 1), summed.inputs[0], node.outputs[0]
    if axes is None or len(axes) != 1 or value is None or value.shape is None or result.shape is None:
        return
    length = dims(value)[axes[0]]
    if not grows(str(length), "time") or dims(result) != dims(total):
        return
    for batch in _BATCHES:
        for time in lengths.samples:
            found = values.at(count, batch, time)
            if found is None or not (found == size(length, batch, time)).all():
                return
    builder.place = node.name or node.op_type
    keepdims = summed.attributes.get_int("keepdims", 1)
    replace(node, builder, [builder.op("ReduceMean", value, summed.inputs[1], keepdims=keepdims)])
