"""Weights that stand narrow in the file and are computed with as float32.

For what has no fast integer operator: convolutions, tables, native recurrences; and for float16 and bf16 as a whole,
which onnxruntime's CPU kernels would compute in float32 anyway, with casts around every node (Scan 2 to 3x slower).

The nodes that widen them, Cast and Mul, read constants only, so onnxruntime folds them while it loads: a step costs
what it costs in float32. `DequantizeLinear` would not do, it is kept out of folding and would run on every call.
"""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.precision.grids import per_axis
from rnnedge_export.precision.layers import Weight
from rnnedge_runtime.contract import Array

# Numbers of 16 bits; bfloat16 has the range of float32 and 8 bits of its precision.
HALVES = {"float16": np.dtype(np.float16), "bf16": np.dtype(ml_dtypes.bfloat16)}
_LARGEST = {"float16": 65504.0, "bf16": (2 - 2**-7) * 2.0**127}
WIDENED = "int8 in the file"


def store_half(builder: GraphBuilder, weight: Weight, precision: str) -> str | None:
    """float16 or bf16 in the file, the nearest, ties to even; None where a weight is too large for it."""
    dtype = HALVES[precision]
    if np.abs(weight.array).max() > _LARGEST[precision]:
        return None
    narrow = builder.const(weight.array.astype(dtype), "weight")
    # By way of double: onnxruntime fuses a Cast from float16 with what reads it, and fails where that is a Scan body.
    wide = builder.op("Cast", builder.op("Cast", narrow, to=ir.DataType.DOUBLE), to=ir.DataType.FLOAT)
    _widen(builder, weight, wide)
    return precision


def store_int8(builder: GraphBuilder, weight: Weight) -> str:
    """int8 in the file, with a scale for each output: axis 0 of a convolution or a table, 1 of a native recurrence."""
    recurrent = any(user.op_type in ("GRU", "LSTM", "RNN") for user, _ in weight.value.uses())
    _widen(builder, weight, widen_int8(builder, weight.array, axis=1 if recurrent else 0))
    return WIDENED


def widen_int8(builder: GraphBuilder, array: Array, axis: int) -> ir.Value:
    """Record the nodes that make float32 of int8 weights, with a scale for every index of `axis`."""
    narrow = per_axis(array, axis)
    wide = builder.op("Cast", builder.const(narrow.q, "weight"), to=ir.DataType.FLOAT)
    return builder.op("Mul", wide, builder.const(narrow.scale, "scale"))


def _widen(builder: GraphBuilder, weight: Weight, wide: ir.Value) -> None:
    """Everybody who read the weight reads `wide`, which is computed at the head of the main graph."""
    value = weight.value
    wide.type, wide.shape = ir.TensorType(ir.DataType.FLOAT), value.shape
    graph = value.graph
    assert graph is not None
    ir.convenience.replace_all_uses_with(value, wide)
    for node in reversed(builder.take()):
        graph.insert_before(graph[0], node)
