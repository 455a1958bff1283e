"""The activation functions of recurrent cells (ONNX operator specification, RNN / GRU / LSTM, opset 22)."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from rnnedge_export.forms.attributes import Activation
from rnnedge_export.forms.tape import Tape


def activate(tape: Tape, function: Activation, x: ir.Value, dtype: ir.DataType) -> ir.Value:
    """Apply `function` to x element by element."""
    alpha, beta = function.alpha, function.beta
    match function.name:
        case "Affine":  # alpha*x + beta
            scaled = tape.op("Mul", x, tape.scalar(alpha or 0.0, dtype))
            return tape.op("Add", scaled, tape.scalar(beta or 0.0, dtype))
        case "ScaledTanh":  # alpha*tanh(beta*x)
            inner = tape.op("Tanh", tape.op("Mul", x, tape.scalar(beta or 0.0, dtype)))
            return tape.op("Mul", inner, tape.scalar(alpha or 0.0, dtype))
        case name:
            given: dict[str, Any] = {"alpha": alpha, "beta": beta}
            # Always written: the default of the operator may differ from that of the cell (ThresholdedRelu).
            return tape.op(name, x, **{key: number for key, number in given.items() if number is not None})
