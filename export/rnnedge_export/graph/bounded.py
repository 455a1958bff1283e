"""A hyperbolic tangent or a sigmoid stays within its bounds, where what reads it has no value beyond them.

onnxruntime's polynomials give 1.0000002 for tanh(8.5), and 1.0000001 for a sigmoid. A square root, a logarithm or an
arc function of that, or of one minus that, is NaN, and in PyTorch it is not. A Clip after them costs no more than it.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, constant
from rnnedge_export.graph.origins import origins

_LOWEST = {"Tanh": -1.0, "Sigmoid": 0.0}
# What has no value everywhere, and what hands a bound on.
_PARTIAL = {"Acos", "Asin", "Atanh", "Log", "Sqrt"}
_ON = {"Abs", "Add", "Concat", "Div", "Expand", "Gather", "Identity", "Mul", "Neg", "Pow", "Reshape", "Slice", "Split",
       "Squeeze", "Sub", "Transpose", "Unsqueeze"}  # fmt: skip


def keep_within_bounds(model: ir.Model) -> None:
    """Change `model` in place, also in the bodies of its loops."""
    nodes = list(model.graph.all_nodes())
    ends = (value for node in nodes if node.op_type in _PARTIAL or _is_fraction(node) for value in node.inputs)
    read = origins(ends, lambda producer: producer.op_type in _ON)
    for node in nodes:
        if node.op_type in _LOWEST and not node.domain and node.outputs[0] in read:
            _clip(model, node)


def _is_fraction(node: ir.Node) -> bool:
    """A power that a negative number does not have."""
    if node.op_type != "Pow":
        return False
    exponent = None if node.inputs[1] is None else constant(node.inputs[1])
    return exponent is None or bool((exponent != np.round(exponent)).any())


def _clip(model: ir.Model, node: ir.Node) -> None:
    value, graph = node.outputs[0], node.graph
    if graph is None or value.dtype is None:
        return
    readers = list(value.uses())
    builder = GraphBuilder(model)
    builder.place = node.name or node.op_type
    bounds = (builder.scalar(end, value.dtype) for end in (_LOWEST[node.op_type], 1.0))
    out = builder.op("Clip", value, *bounds)
    out.type, out.shape = value.type, value.shape
    graph.insert_after(node, builder.take())
    for user, index in readers:
        user.replace_input_with(index, out)
