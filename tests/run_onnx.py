"""onnxruntime on one core, as a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from rnnedge_runtime.engines.onnx_runtime import onnxruntime


@pytest.fixture(scope="session")
def run_onnx() -> Callable[..., list[Any]]:
    """`run_onnx(model, feeds)`: the outputs of the main graph; inputs that the graph lacks are left out."""

    def run(model: ir.Model, feeds: Mapping[str, np.ndarray[Any, Any]]) -> list[Any]:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        proto = ir.to_proto(model).SerializeToString()
        session = onnxruntime.InferenceSession(proto, options, providers=["CPUExecutionProvider"])
        names = {value.name for value in session.get_inputs()}
        return list(session.run(None, {name: np.asarray(array) for name, array in feeds.items() if name in names}))

    return run
