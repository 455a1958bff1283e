"""Assignments to a part of a tensor, `y[:, 1:] = x`, written as what they are: what stands around it, and the part.

torch.onnx writes them by ScatterND over the numbers of the places, through which no axis can be followed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from onnxscript import opset20

# Untyped: onnxscript annotates an operator with the types of its tensors, which a traced call does not hold.
op: Any = opset20
_END = (1 << 63) - 1


def _slice_scatter(self: Any, src: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    first, last = start or 0, _END if end is None else end
    if not isinstance(first, int) or not isinstance(last, int) or step != 1:
        raise NotImplementedError("an assignment to every second place, or to places that depend on the length")
    axis = op.Constant(value_ints=[dim])

    def part(begin: int, stop: int) -> Any:
        return op.Slice(self, op.Constant(value_ints=[begin]), op.Constant(value_ints=[stop]), axis)

    parts = [part(0, first)] if first else []
    parts.append(src)
    if last < _END:
        parts.append(part(last, _END))
    return op.Concat(*parts, axis=dim) if len(parts) > 1 else op.Identity(src)


def _select_scatter(self: Any, src: Any, dim: int, index: int) -> Any:
    row = op.Unsqueeze(src, op.Constant(value_ints=[dim]))
    return _slice_scatter(self, row, dim, index, _END if index == -1 else index + 1)


SCATTERS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.slice_scatter.default: _slice_scatter,
    torch.ops.aten.select_scatter.default: _select_scatter,
}
