"""The activation functions of recurrent cells (ONNX operator specification, RNN / GRU / LSTM, opset 22)."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from rnnedge_export.forms.attributes import Activation
from rnnedge_export.graph.builder import GraphBuilder


def activate(builder: GraphBuilder, function: Activation, x: ir.Value, dtype: ir.DataType) -> ir.Value:
    """Apply `function` to x element by element."""
    alpha, beta = function.alpha, function.beta
    match function.name:
        case "Affine":  # alpha*x + beta
            scaled = builder.op("Mul", x, builder.scalar(alpha or 0.0, dtype))
            return builder.op("Add", scaled, builder.scalar(beta or 0.0, dtype))
        case "ScaledTanh":  # alpha*tanh(beta*x)
            inner = builder.op("Tanh", builder.op("Mul", x, builder.scalar(beta or 0.0, dtype)))
            return builder.op("Mul", inner, builder.scalar(alpha or 0.0, dtype))
        case name:
            given: dict[str, Any] = {"alpha": alpha, "beta": beta}
            # Always written: the default of the operator may differ from that of the cell (ThresholdedRelu).
            return builder.op(name, x, **{key: number for key, number in given.items() if number is not None})
