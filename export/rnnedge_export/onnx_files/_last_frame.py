"""The last frame of a sequence, in the words of other frameworks, as Gather of frame -1.

1. A Slice from -1 to the end, with steps of 1.
2. Gather of frame `length - 1`, in a file that is for sequences of this length only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.onnx_files._iteration import is_number
from rnnedge_export.onnx_files._leading import run_leading
from rnnedge_export.streaming.facts import constant

Feeds = Callable[[int], Mapping[str, Any]]
"""Frames of a sequence -> inputs by name, for as many sequences as the file takes."""
_END = 2**31 - 1


def take_last_frames(model: ir.Model, feeds: Feeds, declared: int | None) -> None:
    """Cases 1 and 2 in the main graph, in place; `declared`: the one length of the file, if it has one."""
    builder = GraphBuilder(model)
    for node in list(model.graph):
        if node.op_type == "Slice" and (axis := _from_last(node)) is not None:
            last = builder.op("Gather", node.inputs[0], builder.scalar(-1, ir.DataType.INT64), axis=axis)
            frame = builder.op("Unsqueeze", last, builder.ints(axis))
            model.graph.insert_before(node, builder.take())
            ir.convenience.replace_all_uses_with(node.outputs[0], frame, replace_graph_outputs=True)
            frame.name, node.outputs[0].name = node.outputs[0].name, builder.fresh("slice_inner")
            model.graph.remove(node, safe=True)
        elif node.op_type == "Gather" and declared is not None and _takes_last(model, node, feeds, declared):
            index = constant(node.inputs[1])
            assert index is not None
            node.replace_input_with(1, builder.const(index - declared))


def _from_last(node: ir.Node) -> int | None:
    """The axis of a slice of case 1."""
    starts, ends, axes, steps = (*node.inputs[1:], None, None)[:4]
    end, axis = constant(ends), constant(axes)
    if not is_number(starts, -1) or end is None or int(end.reshape(-1)[0]) < _END or axis is None:
        return None
    return int(axis.reshape(-1)[0]) if steps is None or is_number(steps, 1) else None


def _takes_last(model: ir.Model, node: ir.Node, feeds: Feeds, declared: int) -> bool:
    """Case 2: along an axis that has the length of the sequence, and grows with it."""
    if not is_number(node.inputs[1], declared - 1) or node.inputs[0] is None:
        return False
    runs = run_leading(model, node.inputs[0], [], map(feeds, (declared, declared + 1)))
    axis = node.attributes.get_int("axis", 0)
    return runs is not None and [int(shape[axis]) for (shape,) in runs] == [declared, declared + 1]
