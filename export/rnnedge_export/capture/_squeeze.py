"""`squeeze` with the axes that it takes away for any batch and length.

ONNX's Squeeze without axes would also take away the batch of a single sequence, or the time of a single frame. With
axes it fails for one that is larger than 1, which torch leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from onnxscript import opset20

# Untyped: onnxscript annotates an operator with the types of its tensors, which a traced call does not hold.
op: Any = opset20


def _squeeze(self: Any) -> Any:
    axes = [axis for axis, size in enumerate(self.shape) if size == 1]
    return op.Squeeze(self, op.Constant(value_ints=axes)) if axes else op.Identity(self)


def _squeeze_axes(self: Any, dim: Any) -> Any:
    given = [axis % max(1, len(self.shape)) for axis in ([dim] if isinstance(dim, int) else dim)]
    axes = [axis for axis in given if self.shape[axis] == 1]
    return op.Squeeze(self, op.Constant(value_ints=axes)) if axes else op.Identity(self)


SQUEEZES: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.squeeze.default: _squeeze,
    torch.ops.aten.squeeze.dim: _squeeze_axes,
    torch.ops.aten.squeeze.dims: _squeeze_axes,
}
