"""Files that were written for one sequence at a time: a size of 1 that stands for the batch becomes the batch.

1. Reshape to constant numbers: a 1 at the place of a batch of 1 is "as before" (0).
2. A recurrence whose zero initial state is a constant for one sequence starts from zeros of any batch.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper


def free_batch(proto: onnx.ModelProto, input_name: str, batch_axis: int) -> onnx.ModelProto:
    """The same model for any batch, as far as that can be told; what is not mended shows when two sequences run."""
    constants = _constants(proto)
    readers: dict[str, int] = {}
    for node in proto.graph.node:
        for name in node.input:
            readers[name] = readers.get(name, 0) + 1
    fresh: dict[str, str] = {}
    for node in proto.graph.node:
        if node.op_type == "Reshape" and len(node.input) > 1 and node.input[1] in constants:
            shape = constants[node.input[1]]
            if shape.ndim == 1 and len(shape) > 1 and batch_axis < len(shape) and shape[batch_axis] == 1:
                node.input[1] = _rewritten(proto, node.input[1], shape, batch_axis, fresh)
        elif node.op_type in ("RNN", "GRU", "LSTM"):
            for index in (5, 6):
                if index < len(node.input) and node.input[index] in constants:
                    state = constants[node.input[index]]
                    if not state.any():
                        node.input[index] = ""
    return proto


def _rewritten(proto: onnx.ModelProto, name: str, shape: np.ndarray, batch_axis: int, fresh: dict[str, str]) -> str:
    if name not in fresh:
        fresh[name] = f"{name}_any_batch"
        copied = shape.copy()
        copied[batch_axis] = 0
        proto.graph.initializer.append(numpy_helper.from_array(copied, fresh[name]))
    return fresh[name]


def _constants(proto: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Small constants of the main graph, by name."""
    found = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer if t.data_location != t.EXTERNAL}
    for node in proto.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found
