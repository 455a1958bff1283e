"""`x[..., [0, 2]]`, `x[:, order]`: places along one axis, as the Gather that they are.

torch.onnx writes every index by GatherND, for which the axes are turned round first.
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


INDEXING: dict[Callable[..., Any], Callable[..., Any]] = {torch.ops.aten.index.Tensor: _index}
