"""`bucketize` by the number of boundaries that a value has passed, and not by a search in steps.

A NaN has passed all of them, as in torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import torch
from onnxscript import opset20

# Untyped: onnxscript annotates an operator with the types of its tensors, which a traced call does not hold.
op: Any = opset20


def _bucketize(self: Any, boundaries: Any, out_int32: bool = False, right: bool = False) -> Any:
    if self.dtype != boundaries.dtype:
        self, boundaries = (op.Cast(value, to=ir.DataType.FLOAT.value) for value in (self, boundaries))
    column = op.Unsqueeze(self, op.Constant(value_ints=[-1]))
    before = op.Less(column, boundaries) if right else op.LessOrEqual(column, boundaries)
    kind = ir.DataType.INT32 if out_int32 else ir.DataType.INT64
    passed = op.Cast(op.Not(before), to=kind.value)
    return op.ReduceSum(passed, op.Constant(value_ints=[-1]), keepdims=0)


PLACES: dict[Callable[..., Any], Callable[..., Any]] = {torch.ops.aten.bucketize.Tensor: _bucketize}
