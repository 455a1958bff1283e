"""`rnnedge inspect` of an ONNX file that rnnedge has not written."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import foreign
import numpy as np
import onnx
import pytest
from command import Command
from foreign import node

from rnnedge.cli import _foreign_file
from rnnedge_runtime.untrusted import LIMITS


def test_ports_and_the_command_are_shown(rnnedge: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a table and as data; what is no ONNX file is refused as ever."""
    cell = [node("Add", ["x", "s"], ["v"]), node("Tanh", ["v"], ["s2"]), node("Relu", ["s2"], ["y"])]
    file = foreign.write(tmp_path / "f.onnx", cell, {"x": [1, 4], "s": [1, 4]}, {"y": [1, 4], "s2": [1, 4]})
    data = rnnedge("inspect", file, "--json").json
    assert [port["role"] for port in data["outputs"]] == ["result", "state, read as s"]
    assert data["tried"] and data["command"].endswith("--state s:s2 --time-axis none")
    # Found once more, without a process.
    with monkeypatch.context() as patch:
        patch.setattr(_foreign_file, "proposal_of", lambda *_: data)
        assert "--state s:s2" in rnnedge("inspect", file).out
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    assert rnnedge("inspect", tmp_path / "junk.onnx").code == 3


def test_names_with_colons(rnnedge: Command, tmp_path: Path) -> None:
    """As TensorFlow writes them: the pair is split in its middle."""
    cell = [node("Add", ["x:0", "h:0"], ["v"]), node("Tanh", ["v"], ["hn:0"]), node("Relu", ["hn:0"], ["y:0"])]
    ports = {"x:0": [1, 4], "h:0": [1, 4]}, {"y:0": [1, 4], "hn:0": [1, 4]}
    file = foreign.write(tmp_path / "f.onnx", cell, *ports)
    done = rnnedge("adopt", file, "-o", tmp_path / "s.onnx", "--state", "h:0:hn:0", "--time-axis", "none")
    assert done.code == 0, done.err
    done = rnnedge("adopt", file, "-o", tmp_path / "s.onnx", "--state", "h:0:hn", "--time-axis", "none")
    assert done.code == 2 and "names with colons" in done.err


def test_a_file_that_never_ends_is_refused(rnnedge: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To try it is to run the graph of its author; a process of its own does, and has limits."""
    pytest.importorskip("resource", reason="needs limits of processes")
    monkeypatch.setattr(_foreign_file, "_CHILD", "from rnnedge.cli import _foreign_file as f; f._SECONDS = 1; f.main()")
    ports = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.BOOL, []) for name in ("c", "d")]
    number = onnx.helper.make_tensor_value_info("i", onnx.TensorProto.INT64, [])
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ("v", "w")]
    again = [node("Identity", ["c"], ["d"]), node("Identity", ["v"], ["w"])]
    body = onnx.helper.make_graph(again, "body", [number, ports[0], values[0]], [ports[1], values[1]])
    weights = {"most": np.array(2**63 - 1), "go": np.array(True)}
    loop = onnx.helper.make_node("Loop", ["most", "go", "x"], ["y"], body=body)
    file = foreign.write(tmp_path / "f.onnx", [loop], {"x": [1, 4, 4]}, {"y": [1, 4, 4]}, weights)
    done = rnnedge("inspect", file)
    assert done.code == 3 and "to try it took more than" in done.err


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    """Two gigabytes of nothing take no memory before they are refused."""
    file = tmp_path / "f.onnx"
    with file.open("wb") as out:
        out.truncate(LIMITS.file_bytes + 1)
    tracemalloc.start()
    try:
        assert _foreign_file.proposal_of(str(file), None) is None
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        assert _foreign_file.proposal_of(str(file), "local") is None
        assert tracemalloc.get_traced_memory()[1] > LIMITS.file_bytes
    finally:
        tracemalloc.stop()


@pytest.mark.long
def test_a_file_that_wants_all_memory_is_bounded(rnnedge: Command, tmp_path: Path) -> None:
    """A size that is computed, of 4 GiB of numbers: what tries it has less, and it is refused."""
    resource = pytest.importorskip("resource", reason="needs limits of processes")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    nodes = [
        node("Mul", ["a", "b"], ["size"]), node("ConstantOfShape", ["size"], ["big"]),
        node("ReduceSum", ["big"], ["one"], keepdims=0), node("Add", ["x", "one"], ["y"]),
    ]  # fmt: skip
    sizes = {name: np.array([1 << 15]) for name in ("a", "b")}
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": ["b", "t", 3]}, {"y": ["b", "t", 3]}, sizes)
    done = rnnedge("inspect", file)
    assert done.code == 3 and "4 GiB of memory" in done.err
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < max(before, 2 << 20) + 1
