"""`bucketize` and `searchsorted` by the number of boundaries that a value has passed, and not by a search in steps.

A NaN has passed all of them, as in torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import torch

from rnnedge_export.capture._exact_parts import as_type, op


def _bucketize(self: Any, boundaries: Any, out_int32: bool = False, right: bool = False) -> Any:
    if self.dtype != boundaries.dtype:
        self, boundaries = (as_type(value, ir.DataType.FLOAT) for value in (self, boundaries))
    column = op.Unsqueeze(self, op.Constant(value_ints=[-1]))
    before = op.Less(column, boundaries) if right else op.LessOrEqual(column, boundaries)
    kind = ir.DataType.INT32 if out_int32 else ir.DataType.INT64
    passed = as_type(op.Not(before), kind)
    return op.ReduceSum(passed, op.Constant(value_ints=[-1]), keepdims=0)


def _searchsorted(
    sorted_sequence: Any,
    self: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: Any = None,
    sorter: Any = None,
) -> Any:
    if sorter is not None:
        raise NotImplementedError("a search in a sequence that is sorted by places")
    if len(sorted_sequence.shape) > 1:
        sorted_sequence = op.Unsqueeze(sorted_sequence, op.Constant(value_ints=[-2]))
    return _bucketize(self, sorted_sequence, out_int32, right or side == "right")


PLACES: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.bucketize.Tensor: _bucketize,
    torch.ops.aten.searchsorted.Tensor: _searchsorted,
}
