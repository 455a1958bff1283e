"""`x[..., [0, 2]]`, `x[:, order]`: places along one axis, as the Gather that they are; `x[mask] = 0` as a choice.

torch.onnx writes every index by GatherND, for which the axes are turned round first, and an assignment by the numbers
of the places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnx_ir as ir
import torch
from onnxscript.function_libs.torch_lib.ops import core

from rnnedge_export.capture._exact_parts import op


def _index(self: Any, indices: Sequence[Any]) -> Any:
    places = [(axis, index) for axis, index in enumerate(indices) if index is not None]
    if len(places) != 1 or places[0][1].dtype == ir.DataType.BOOL:
        return core.aten_index(self, indices)
    ((axis, index),) = places
    return op.Gather(self, index, axis=axis)


def _index_put(self: Any, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
    masks = [(axis, index) for axis, index in enumerate(indices) if index is not None]
    alone = len(masks) == 1 and masks[0][1].dtype == ir.DataType.BOOL and all(size == 1 for size in values.shape)
    if not alone or accumulate:
        return core.aten_index_put(self, indices, values, accumulate)
    ((axis, mask),) = masks
    after = len(self.shape) - axis - len(mask.shape)
    if after:
        mask = op.Unsqueeze(mask, op.Constant(value_ints=list(range(-after, 0))))
    return op.Where(mask, op.Reshape(values, op.Constant(value_ints=[1])), self)


INDEXING: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.index.Tensor: _index,
    torch.ops.aten.index_put.default: _index_put,
}
