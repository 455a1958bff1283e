"""Constants of inputs that are open in the batch: one row, such as a speaker's, stands for every sequence."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
from onnx import helper, numpy_helper

from rnnedge_export.onnx_files._constants import declared_shape
from rnnedge_export.onnx_files._lengths import open_inputs
from rnnedge_export.onnx_files._opsets import opset_of

_EXPAND = 8


def open_rows(before: onnx.ModelProto, names: Collection[str]) -> list[str]:
    """Those of the inputs `names` that have an open first axis and others behind it, before they got values."""
    shapes = {port.name: declared_shape(port) for port in open_inputs(before)}
    return [name for name in names if name in shapes and len(shapes[name]) > 1 and shapes[name][0] is None]


def widen(proto: onnx.ModelProto, names: Collection[str], frames: str | None, batch_axis: int) -> None:
    """Expand the constants to the batch of the frames, in place; `frames`: the input, None for the first one."""
    graph, x = proto.graph, frames or next((port.name for port in open_inputs(proto)), None)
    if not names or x is None or opset_of(proto) < _EXPAND:
        return
    nodes = [helper.make_node("Shape", [x], ["rnnedge_sizes"]),
             helper.make_node("Gather", ["rnnedge_sizes", "rnnedge_batch_axis"], ["rnnedge_batch"])]  # fmt: skip
    added = {"rnnedge_batch_axis": [batch_axis]}
    for constant in graph.initializer:
        if constant.name in names and constant.dims[0] == 1:
            name, constant.name = constant.name, f"{constant.name}_row"
            added[f"{name}_rest"] = [1] * (len(constant.dims) - 1)
            nodes.append(helper.make_node("Concat", ["rnnedge_batch", f"{name}_rest"], [f"{name}_sizes"], axis=0))
            nodes.append(helper.make_node("Expand", [constant.name, f"{name}_sizes"], [name]))
    graph.initializer.extend(numpy_helper.from_array(np.array(v, np.int64), k) for k, v in added.items())
    body = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *body])
