"""The k-th smallest along an axis, and the median, by sorting; a NaN in a row is its median, as in torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import torch

from rnnedge_export.capture._exact_parts import as_type, op


def _kthvalue(self: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    values, places = op.TopK(self, op.Constant(value_ints=[k]), axis=dim, largest=0, sorted=1)
    last = op.Constant(value_ints=[k - 1]) if keepdim else op.Constant(value_int=k - 1)
    return op.Gather(values, last, axis=dim), op.Gather(places, last, axis=dim)


def _median(self: Any, dim: int, keepdim: bool = False) -> Any:
    size = self.shape[dim]
    if not isinstance(size, int):
        raise NotImplementedError("a median over an axis whose size depends on the length")
    value, place = _kthvalue(self, (size + 1) // 2, dim, keepdim)
    if not self.dtype.is_floating_point():
        return value, place
    axis = op.Constant(value_ints=[dim])
    number = as_type(op.IsNaN(self), ir.DataType.INT64)
    found = op.Greater(op.ReduceSum(number, axis, keepdims=int(keepdim)), op.Constant(value_int=0))
    return op.Where(found, op.ReduceMax(self, axis, keepdims=int(keepdim)), value), place


RANKED: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.kthvalue.default: _kthvalue,
    torch.ops.aten.median.dim: _median,
}
