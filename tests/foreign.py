"""ONNX files as other frameworks write them, and onnxruntime on them as the oracle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

import rnnedge_export
from rnnedge_export import Effort
from rnnedge_export.report import Report
from rnnedge_runtime import load
from rnnedge_runtime.engines.onnx_runtime import onnxruntime

# The tests that use this compare with onnxruntime themselves.
BRIEF = Effort(lengths=(2, 19), batches=(2,), frames=64, signals=("impulse",), roads=("step",))
FLOAT, INT64, INT32 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.INT32
node = helper.make_node
Shapes = Mapping[str, Sequence[int | str] | tuple[int, Sequence[int | str]]]


def write(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Shapes,
    outputs: Shapes,
    weights: Mapping[str, Any] | None = None,
    *,
    opset: int = 17,
    ir_version: int = 8,
) -> Path:
    """A file of these nodes; a port is a shape of float32, or (type, shape). IR version 3 lists weights as inputs."""
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(list(nodes), "g", _ports(inputs), _ports(outputs), tensors)
    if ir_version < 4:
        graph.input.extend(helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)
    path.write_bytes(model.SerializeToString())
    return path


def _ports(shapes: Shapes) -> list[onnx.ValueInfoProto]:
    pairs = {name: p if len(p) == 2 and isinstance(p[1], (list, tuple)) else (FLOAT, p) for name, p in shapes.items()}
    return [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in pairs.items()]


def weights(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """Small random float32 numbers."""
    return (np.random.default_rng(seed).standard_normal(shape) * 0.3).astype(np.float32)


def whole(file: Path, **feeds: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """Every output of the file as it came, in onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return list(session.run(None, feeds))


def convert(file: Path, target: Path, **options: Any) -> Report:
    """`rnnedge_export.convert` with a short proof."""
    return rnnedge_export.convert(file, target, effort=BRIEF, **options)


def adopt(file: Path, target: Path, **options: Any) -> Report:
    """`rnnedge_export.adopt` with a short proof."""
    return rnnedge_export.adopt(file, target, effort=BRIEF, **options)


def streams_as(target: Path, frames: np.ndarray[Any, Any], expected: np.ndarray[Any, Any], atol: float = 1e-5) -> None:
    """A stream of the frames (time, ...) in uneven pieces gives `expected`, one sequence (time, ...)."""
    stream = load(target, trust="strict").stream()
    pieces = np.split(frames, [1, 2, len(frames) // 2])
    found = np.concatenate([*(stream.push(piece) for piece in pieces), stream.finish()])
    np.testing.assert_allclose(found, expected, atol=atol)
