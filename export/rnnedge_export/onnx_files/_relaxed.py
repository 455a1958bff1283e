"""A file whose inputs are open in batch and time, whatever sizes it declares."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from rnnedge_export.onnx_files._ports import FramePort


def relaxed(proto: onnx.ModelProto, ports: Sequence[FramePort]) -> onnx.ModelProto:
    """A copy in which batch and time of the inputs are open, and nothing is said of inner shapes."""
    relaxed = onnx.ModelProto()
    relaxed.CopyFrom(proto)
    graph = relaxed.graph
    inputs = {port.name: port for port in proto.graph.input}
    del graph.input[:]
    graph.input.extend(inputs[port.name] for port in ports)
    for value, port in zip(graph.input, ports, strict=True):
        dims = value.type.tensor_type.shape.dim
        if not port.context:
            dims[port.time_axis - port.single].dim_param = "time"
        if not port.single:
            dims[port.batch_axis].dim_param = "batch"
    del graph.value_info[:]
    for value in graph.output:
        if value.type.tensor_type.HasField("shape"):
            value.type.tensor_type.ClearField("shape")
    relaxed.ir_version = max(relaxed.ir_version, 8)
    return relaxed
