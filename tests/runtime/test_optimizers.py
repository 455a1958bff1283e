"""Optimizations of onnxruntime that end the process are left out wherever a session is made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).parents[2]
OPEN = """
import sys
from rnnedge_runtime.engines.onnx_runtime import onnxruntime
from rnnedge_runtime.engines.optimizers import leave_out
options = onnxruntime.SessionOptions()
if sys.argv[2] == "left out":
    leave_out(options)
onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
"""


def mean_removed(dtype: int, order: list[int], path: Path) -> Path:
    """A transposed sequence whose mean is removed in another type before a product."""
    nodes = [
        helper.make_node("Cast", ["x"], ["cast"], to=dtype),
        helper.make_node("Transpose", ["cast"], ["moved"], perm=order),
        helper.make_node("ReduceMean", ["moved", "axes"], ["mean"]),
        helper.make_node("Sub", ["moved", "mean"], ["centred"]),
        helper.make_node("Cast", ["centred"], ["back"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["back", "w"], ["y"]),
    ]
    weights = {"axes": np.array([-1]), "w": np.ones((4, 5), np.float32)}
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "time", 4] if order[-1] == 2 else [4, 3, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )  # fmt: skip
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()
    )
    return path


def ends_with(path: Path, how: str) -> int:
    """The exit status of a process that opens the file."""
    return subprocess.run([sys.executable, "-c", OPEN, path, how], capture_output=True, check=False).returncode


@pytest.mark.parametrize("dtype", [TensorProto.DOUBLE, TensorProto.FLOAT16])
@pytest.mark.parametrize("order", [[1, 0, 2], [1, 2, 0]])
def test_a_mean_removed_in_another_type_opens(dtype: int, order: list[int], tmp_path: Path) -> None:
    """A product of a transposed sequence without its mean."""
    assert ends_with(mean_removed(dtype, order, tmp_path / "net.onnx"), "left out") == 0


@pytest.mark.skipif(sys.platform == "win32", reason="statuses of signals")
def test_it_ends_a_process_that_leaves_nothing_out(tmp_path: Path) -> None:
    """Where onnxruntime does not any more, the list of what is broken can be shorter."""
    assert ends_with(mean_removed(TensorProto.DOUBLE, [1, 0, 2], tmp_path / "net.onnx"), "as it is") < 0


def test_every_session_of_the_packages_leaves_it_out() -> None:
    """A file that makes a session tells its options."""
    makers = {
        path: path.read_text()
        for package in ("runtime/rnnedge_runtime", "export/rnnedge_export", "rnnedge")
        for path in (ROOT / package).rglob("*.py")
        if "InferenceSession(" in path.read_text()
    }
    assert len(makers) >= 4
    assert [path.name for path, text in makers.items() if "leave_out(options" not in text] == []
