"""A native LSTM in integers: com.microsoft DynamicQuantizeLSTM, the fastest int8 recurrence that onnxruntime has.

1. Weights are int8 with a scale for each direction, W (D, I, 4H) and R (D, H, 4H): transposed against those of LSTM.
2. The frames of a call share one scale for x, the sequences of a batch one for h: how a stream is cut, and who else is
   in the batch, changes the result by as much as rounding does (5e-3, measured), within the tolerance of the precision.
3. There is no such operator for GRU and RNN: in the native form they are written as Scan.

Source: onnxruntime, ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, constant, replace
from rnnedge_export.precision.grids import per_tensor
from rnnedge_export.precision.products import DOMAIN
from rnnedge_runtime.contract import Array

OPERATOR = "DynamicQuantizeLSTM"
_INPUTS = 8


def narrow_lstms(model: ir.Model, builder: GraphBuilder, layers: Collection[str]) -> dict[str, int]:
    """Rewrite the LSTM nodes called as `layers`; returns the number of weights of each that was rewritten."""
    done = {}
    for node in list(model.graph):
        if node.op_type != "LSTM" or node.domain or node.name not in layers:
            continue
        layout: int = node.attributes.get_int("layout", 0)
        if layout:
            continue
        w, r = (constant(value) if value is not None else None for value in node.inputs[1:3])
        if w is None or r is None:
            continue
        done[str(node.name)] = int(w.size + r.size)
        _rewrite(node, builder, w, r)
    return done


def _rewrite(node: ir.Node, builder: GraphBuilder, w: Array, r: Array) -> None:
    builder.place = node.name or "LSTM"
    weights, scales = [], []
    for matrix, letter in ((w, "W"), (r, "R")):
        parts = [per_tensor(np.ascontiguousarray(direction.T)) for direction in matrix]
        weights.append(builder.const(np.stack([part.q for part in parts]), f"{node.name}.{letter}"))
        scales.append(builder.const(np.array([part.scale for part in parts], np.float32), "scale"))
        scales.append(builder.const(np.zeros(len(parts), np.int8), "zero"))
    given = [*node.inputs, *([None] * (_INPUTS - len(node.inputs)))]
    attributes = {name: attribute for name, attribute in node.attributes.items() if name != "layout"}
    inputs = [given[0], *weights, *given[3:], *scales]
    narrow = ir.Node(DOMAIN, OPERATOR, inputs, attributes.values(), num_outputs=len(node.outputs))
    replace(node, builder, list(builder.add(narrow, node.name or "lstm").outputs))
