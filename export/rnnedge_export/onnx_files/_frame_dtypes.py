"""Frames of a dtype that no contract has, such as int16: the stream takes a wider one, and the graph casts it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from rnnedge_export.onnx_files._ports import FramePort


def cast_frames(model: ir.Model, ports: Sequence[FramePort]) -> None:
    """Declare every input as the dtype that its stream takes, in place."""
    for value, port in zip(model.graph.inputs, ports, strict=True):
        if port.taken != port.dtype:
            cast = ir.Node("", "Cast", [value], [ir.AttrInt64("to", int(value.dtype or 0))])
            cast.outputs[0].name = f"{port.name}_as_{port.dtype}"
            cast.outputs[0].type, cast.outputs[0].shape = value.type, value.shape
            ir.convenience.replace_all_uses_with(value, cast.outputs[0])
            cast.replace_input_with(0, value)
            value.type = ir.TensorType(ir.DataType.from_numpy(np.dtype(port.taken)))
            model.graph.insert_before(model.graph[0], cast)
