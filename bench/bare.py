"""What onnxruntime itself needs for a graph: everything bound once, its public call, no state carried, no check."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import rnnedge
from rnnedge_runtime.engines.onnx_runtime import onnxruntime


def bare_run(path: Path, batch: int = 1) -> Callable[[], object]:
    """One frame through the graph of a file."""
    contract = rnnedge.load(path).contract
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    sizes = {"batch": batch, "time": 1}

    def buffer(shape: tuple[int | str, ...], dtype: str) -> onnxruntime.OrtValue:
        array = np.zeros([sizes.get(d, d) for d in shape], dtype)
        return onnxruntime.OrtValue.ortvalue_from_numpy(array)

    for port in contract.inputs:
        binding.bind_ortvalue_input(port.name, buffer(port.shape, port.dtype))
    for port in contract.outputs:
        binding.bind_ortvalue_output(port.name, buffer(port.shape, port.dtype))
    for held in contract.states:
        binding.bind_ortvalue_input(held.input, buffer(held.shape, held.dtype))
        binding.bind_ortvalue_output(held.output, buffer(held.shape, held.dtype))
    return partial(session.run_with_iobinding, binding)
