"""`x[..., [0, 2]]`, `x[:, rows, columns]`: places along axes, as the Gather that they are; `x[mask] = 0` as a choice.

torch.onnx writes every index by GatherND, for which the axes are turned round first, and an assignment by the numbers
of the places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import onnx_ir as ir
import torch
from onnxscript.function_libs.torch_lib.ops import core

from rnnedge_export.capture._exact_parts import as_type, op


def _index(self: Any, indices: Sequence[Any]) -> Any:
    """One axis, or several of known sizes that follow each other, which are made one."""
    places = [(axis, index) for axis, index in enumerate(indices) if index is not None]
    first, after = places[0][0], places[0][0] + len(places)
    if any(index.dtype == ir.DataType.BOOL for _, index in places) or places[-1][0] != after - 1:
        return core.aten_index(self, indices)
    if len(places) == 1:
        return op.Gather(self, places[0][1], axis=first)
    sizes, behind = (
        list(self.shape[first:after]),
        [size if isinstance(size, int) else -1 for size in self.shape[after:]],
    )
    if not all(isinstance(size, int) for size in sizes) or behind.count(-1) > 1:
        return core.aten_index(self, indices)
    flat = op.Reshape(self, op.Constant(value_ints=[0] * first + [prod(sizes)] + behind))
    return op.Gather(flat, _number_in_all(sizes, [index for _, index in places]), axis=first)


def _number_in_all(sizes: Sequence[int], indices: Sequence[Any]) -> Any:
    """The place in all axes together; one from the end is below 0."""
    found: Any = None
    for k, (size, index) in enumerate(zip(sizes, indices, strict=True)):
        one = as_type(index, ir.DataType.INT64)
        one = op.Where(op.Less(one, _whole(0)), op.Add(one, _whole(size)), one)
        one = op.Mul(one, _whole(prod(sizes[k + 1 :])))
        found = one if found is None else op.Add(found, one)
    return found


def _whole(number: int) -> Any:
    return op.Constant(value_int=number)


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


def _diagonal(self: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """Of matrices whose sizes are known; torch.onnx multiplies by a unit matrix."""
    rank = len(self.shape)
    across = (dim1 % rank, dim2 % rank)
    sizes = [self.shape[axis] for axis in across]
    if not all(isinstance(size, int) for size in sizes):
        return core.aten_diagonal(self, offset, dim1, dim2)
    rows, columns = sizes
    order = [axis for axis in range(rank) if axis not in across]
    flat = op.Reshape(op.Transpose(self, perm=[*order, *across]), op.Constant(value_ints=[0] * len(order) + [-1]))
    count = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    first = max(-offset, 0) * columns + max(offset, 0)
    places = op.Constant(value_ints=[first + k * (columns + 1) for k in range(count)])
    return op.Gather(flat, places, axis=len(order))


INDEXING: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.index.Tensor: _index,
    torch.ops.aten._unsafe_index.Tensor: _index,
    torch.ops.aten.index_put.default: _index_put,
    torch.ops.aten.diagonal.default: _diagonal,
}
