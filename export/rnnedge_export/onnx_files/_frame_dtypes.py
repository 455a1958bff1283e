"""Frames of a dtype that no contract has, such as int16: the stream takes a wider one, and the graph casts it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import onnx
import onnx_ir as ir

from rnnedge_export.onnx_files._ports import FramePort, taken


def cast_frames(model: ir.Model, ports: Sequence[FramePort]) -> None:
    """Declare every input as the dtype that its stream takes, in place."""
    for value, port in zip(model.graph.inputs, ports, strict=True):
        _cast(model, value, port.taken)


def with_wide_frames(proto: onnx.ModelProto, names: Collection[str]) -> onnx.ModelProto:
    """A copy whose named inputs have the dtype that a stream takes; `proto` itself if they have it."""
    model = ir.from_proto(proto)
    values = [value for value in model.graph.inputs if value.name in names and value.dtype is not None]
    narrow = {value: taken(str(value.dtype.numpy())) for value in values if value.dtype is not None}
    if all(str(value.dtype.numpy()) == wide for value, wide in narrow.items() if value.dtype is not None):
        return proto
    for value, wide in narrow.items():
        _cast(model, value, wide)
    return ir.to_proto(model)


def _cast(model: ir.Model, value: ir.Value, wide: str) -> None:
    assert value.dtype is not None
    if str(value.dtype.numpy()) != wide:
        cast = ir.Node("", "Cast", [value], [ir.AttrInt64("to", int(value.dtype))])
        cast.outputs[0].name = f"{value.name}_cast"
        # Without a shape: that of the file may have a batch or a length of its own.
        cast.outputs[0].type = value.type
        ir.convenience.replace_all_uses_with(value, cast.outputs[0])
        cast.replace_input_with(0, value)
        value.type = ir.TensorType(ir.DataType.from_numpy(np.dtype(wide)))
        model.graph.insert_before(model.graph[0], cast)
