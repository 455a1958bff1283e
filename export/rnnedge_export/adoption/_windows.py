"""A file without states for a window of a fixed number of frames: it slides over the sequence, a frame at a time.

1. What it gives has no axis of as many frames.
2. Time stands on the first axis of more than one number, unless that has as many as features usually are, and the next
   one has more.
"""

from __future__ import annotations

from typing import Any

import onnx

from rnnedge_export.adoption._tries import Try, runs
from rnnedge_export.onnx_files._adoption import Calling
from rnnedge_export.onnx_files._constants import declared_shape, dtype_of

_FEATURES = (10, 12, 13, 20, 26, 39, 40, 64, 80, 128)
_OVER_TIME = ("RNN", "GRU", "LSTM", "Loop", "Scan", "CumSum")


def window(path: str, proto: onnx.ModelProto, frames: Any) -> Try | None:
    """The options with which it runs so, or None."""
    dims = declared_shape(frames)
    if len(dims) < 2 or (len(dims) == 2 and dtype_of(frames).kind == "f"):
        return None
    for axis in _axes(dims):
        size = dims[axis] or 0
        if any(size in declared_shape(port) for port in proto.graph.output):
            continue
        if runs(path, proto, Calling({}, axis, 0, 1, size - 1, {}))[0]:
            return Try(("--time-axis", str(axis), "--chunk", "1", "--context", str(size - 1)), {})
    return None


def is_window(proto: onnx.ModelProto) -> bool:
    """Whether no operator of the file goes along time as far as it likes."""
    return not any(node.op_type in _OVER_TIME for node in proto.graph.node)


def _axes(dims: list[int | None]) -> list[int]:
    """Case 2."""
    found = [axis for axis, size in enumerate(dims) if axis and (size or 0) > 1][:2]
    swapped = len(found) > 1 and dims[found[0]] in _FEATURES and (dims[found[1]] or 0) > (dims[found[0]] or 0)
    return [] if None in dims[1:] else found[::-1] if swapped else found
