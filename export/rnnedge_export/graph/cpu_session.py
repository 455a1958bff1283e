"""onnxruntime for graphs that are made, measured and proved: on one thread, quiet, without what ends the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnedge_runtime.engines.onnx_runtime import onnxruntime
from rnnedge_runtime.engines.optimizers import leave_out

if TYPE_CHECKING:
    import onnx


def session(proto: onnx.ModelProto, *, shapes_first: bool = False) -> onnxruntime.InferenceSession:
    """onnxruntime on one thread, quiet: what fails is told by an exception.

    `shapes_first`: a value's shape is taken as soon as there is the value, which need not stay for that.
    """
    # Here, since a process that runs what was guarded by another one has no onnx.
    from rnnedge_export.graph.process_guards import guarded

    return session_of(guarded(proto).SerializeToString(), shapes_first=shapes_first)


def session_of(data: bytes, *, shapes_first: bool = False) -> onnxruntime.InferenceSession:
    """The same of a graph as it is: what gets past `guarded` can end the process."""
    options = onnxruntime.SessionOptions()
    if shapes_first:
        options.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED
    options.log_severity_level = 4
    leave_out(options)
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
