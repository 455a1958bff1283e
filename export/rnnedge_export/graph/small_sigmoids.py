"""A sigmoid keeps its small values where a norm, a division, a root or a logarithm makes them large.

onnxruntime's Sigmoid is right to 1e-7 of 1, and 0 below -18: a sixth too large at -15, where PyTorch has seven digits
of 3e-7. A gate that scales does not show that. Of gates that are divided by their sum, or a SiLU by its length,
nothing else is left where all of them are small, nor of products with them and sums of such (`vanishing.py`). There it
is written as 1 / (1 + exp(-x)).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, constant, replace
from rnnedge_export.graph.origins import origins
from rnnedge_export.graph.vanishing import scan_inputs, vanishing

# What keeps a norm from a division by 0: 1e-8 to 1e-3, small beside a loud frame.
_NEGLIGIBLE = 1e-3
_MAGNIFY = {
    "GroupNormalization", "InstanceNormalization", "LayerNormalization", "Log", "Reciprocal", "RMSNormalization",
    "Sqrt",
}  # fmt: skip
# Whose result is off by the share that an input is off by.
_BY_SHARES = {
    "Abs", "Clip", "Concat", "Div", "Expand", "Gather", "Identity", "Max", "Min", "Mul", "Neg", "Pow", "Reciprocal",
    "ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceSum", "ReduceSumSquare", "Reshape", "Slice", "Split",
    "Sqrt", "Squeeze", "Transpose", "Unsqueeze",
}  # fmt: skip


def keep_small_values(model: ir.Model) -> None:
    """Change `model` in place, also in the bodies of its loops."""
    nodes = list(model.graph.all_nodes())
    if not any(node.op_type == "Sigmoid" for node in nodes):
        return
    shown = _shown_by_shares(nodes, vanishing(model.graph))
    for node in nodes:
        if node.op_type == "Sigmoid" and not node.domain and node.outputs[0] in shown:
            _write_out(model, node)


def _shown_by_shares(nodes: list[ir.Node], small: set[ir.Value]) -> set[ir.Value]:
    """From their ends to where they come from, into the bodies of loops and out of them."""
    given = {inner: outer for node in nodes if node.op_type == "Scan" for inner, outer in scan_inputs(node)[1].items()}

    def through(node: ir.Node) -> bool:
        by_shares = node.op_type in _BY_SHARES or _adds_nothing(node)
        return node.op_type != "Scan" and (by_shares or node.outputs[0] in small)

    def across(value: ir.Value) -> ir.Value | None:
        producer = value.producer()
        loop = producer is not None and producer.op_type == "Scan" and value in small
        return scan_inputs(producer)[0].outputs[value.index() or 0] if producer and loop else given.get(value)

    found: set[ir.Value] = set()
    more: set[ir.Value | None] = {value for node in nodes for value in _looked_at(node)}
    while more:
        found |= origins(more, through)
        more = {across(value) for value in found} - found - {None}
    return found


def _looked_at(node: ir.Node) -> Sequence[ir.Value | None]:
    """What a node of a kind that makes small values large takes them from."""
    if node.op_type == "Div":
        divisor = node.inputs[1]
        return node.inputs if divisor is None or constant(divisor) is None else ()
    return node.inputs[:1] if node.op_type in _MAGNIFY else ()


def _adds_nothing(node: ir.Node) -> bool:
    """An addition that keeps a divisor from 0: the small number is as small as what it stands next to."""
    given = [constant(value) for value in node.inputs if value is not None] if node.op_type == "Add" else []
    return any(array is not None and bool((np.abs(array) <= _NEGLIGIBLE).all()) for array in given)


def _write_out(model: ir.Model, node: ir.Node) -> None:
    (x,), dtype = node.inputs, node.outputs[0].dtype
    if x is None or dtype is None:
        return
    builder = GraphBuilder(model)
    builder.place = node.name or node.op_type
    negative = builder.op("Neg", x)
    power = builder.op("Exp", negative)
    below = builder.op("Add", power, builder.scalar(1.0, dtype))
    found = builder.op("Reciprocal", below)
    for value in (negative, power, below, found):
        value.type, value.shape = node.outputs[0].type, node.outputs[0].shape
    replace(node, builder, [found])
