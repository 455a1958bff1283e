"""A foreign source that wants all memory, or all time, by sizes that it computes, is refused before it is run here."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import foreign
import numpy as np
import onnx
import pytest
from foreign import node
from onnx import TensorProto, helper

from rnnedge_export import adopt, convert
from rnnedge_export.onnx_files import _trial as trial
from rnnedge_export.onnx_files._bounded import is_bounded
from rnnedge_export.onnx_files.read_file import read_file
from rnnedge_runtime import ModelRefused

I64, F32 = np.int64, np.float32
Part = tuple[list[onnx.NodeProto], dict[str, object]]
SQUARE = node("Mul", ["a", "a"], ["size"])
A = {"a": np.array([1 << 18], I64)}


def _made(operator: str, inputs: list[str], *before: onnx.NodeProto, **more: object) -> Part:
    return [SQUARE, *before, node(operator, inputs, ["made"])], {**A, **more}


def _doubled(axis: int, first: str) -> list[onnx.NodeProto]:
    names = [first, *(f"w{k}" for k in range(33)), "made"]
    return [node("Concat", [a, a], [b], axis=axis) for a, b in pairwise(names)]


def _loop(grows: bool, times: int) -> Part:
    step = node("Concat", ["v", "v"], ["v2"], axis=0) if grows else node("Add", ["v", "v"], ["v2"])
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("v", "v2")]
    flags = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "go2")]
    number = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    again = node("Identity", ["go"], ["go2"])
    body = helper.make_graph([again, step], "b", [number, flags[0], value[0]], [flags[1], value[1]])
    return [node("Loop", ["times", "", "w"], ["made"], body=body)], {"times": np.array(times), "w": np.ones(2, F32)}


def _outer(operator: str) -> Part:
    column, row = np.ones((1 << 17, 1), F32), np.ones((1, 1 << 17), F32)
    return [node(operator, ["column", "row"], ["made"])], {"column": column, "row": row}


ONE = np.ones(1, F32)
HUGE: dict[str, Callable[[], Part]] = {
    "a filled tensor": lambda: _made("ConstantOfShape", ["size"]),
    "a broadcast number": lambda: _made("Expand", ["one", "size"], one=ONE),
    "weights that are doubled": lambda: (_doubled(0, "w"), {"w": np.ones(2, F32)}),
    "frames that are doubled": lambda: (_doubled(2, "x"), {}),
    "a sum of a column and a row": lambda: _outer("Add"),
    "a size of the frames": lambda: (
        [node("Shape", ["x"], ["s"]), node("Mul", ["s", "k"], ["t"]), node("ConstantOfShape", ["t"], ["made"])],
        {"k": np.array([100, 100, 1000], I64)},
    ),
    "a loop that grows": lambda: _loop(True, 40),
    "a loop without end": lambda: _loop(False, 1 << 62),
}
MORE: dict[str, Callable[[], Part]] = {
    "a padded number": lambda: _made(
        "Pad", ["one", "pads"], node("Concat", ["none", "size"], ["pads"], axis=0), one=ONE, none=np.zeros(1, I64)
    ),
    "classes": lambda: _made("OneHot", ["at", "size", "values"], at=np.ones(1, I64), values=np.array([0, 1], F32)),
    "a size in floats": lambda: (
        [node("Cast", ["f"], ["s"], to=TensorProto.INT64), node("ConstantOfShape", ["s"], ["made"])],
        {"f": np.array([1e10], F32)},
    ),
    "a product of a column and a row": lambda: _outer("MatMul"),
}


def _file(folder: Path, part: Part) -> Path:
    """(batch, time, 4) plus the sum of what is made."""
    nodes, weights = part
    total = [node("ReduceSum", ["made"], ["total"], keepdims=0), node("Add", ["x", "total"], ["y"])]
    shape = ["batch", "time", 4]
    return foreign.write(folder / "net.onnx", [*nodes, *total], {"x": shape}, {"y": shape}, weights, opset=18)


@pytest.fixture(autouse=True)
def _little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_MEMORY", 400 << 20)
    monkeypatch.setattr(trial, "_SECONDS", 1)


@pytest.mark.parametrize("name", [*HUGE, *(pytest.param(name, marks=pytest.mark.long) for name in MORE)])
def test_a_file_that_wants_too_much_is_refused(name: str, tmp_path: Path) -> None:
    """Whichever operator it is, before it is run in this process."""
    path = _file(tmp_path, (HUGE | MORE)[name]())
    with pytest.raises(ModelRefused, match=r"took more than 1 s of a processor, or .* of memory") as found:
        read_file(str(path))
    assert "\n" not in str(found.value) and "trust='local'" in str(found.value)


def test_every_road_refuses_it(tmp_path: Path) -> None:
    """And writes nothing."""
    path = _file(tmp_path, HUGE["a filled tensor"]())
    for road in (convert, adopt):
        with pytest.raises(ModelRefused, match=r"or .* of memory"):
            road(path, tmp_path / "out.onnx")
    assert [one.name for one in tmp_path.iterdir()] == ["net.onnx"]


def test_a_moderate_size_that_is_computed_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After it was tried; a process that ends without a word is a refusal, and none at all a warning."""
    path = str(_file(tmp_path, _loop(True, 3)))
    assert not is_bounded(onnx.load(path))
    assert read_file(path)[1].graph.node
    monkeypatch.setattr(trial, "_RUN", "import os; os._exit(0)")
    with pytest.raises(ModelRefused, match="ended the process"):
        read_file(path)
    assert read_file(path, "local")[1].graph.node
    monkeypatch.setattr("sys.executable", "")
    with pytest.warns(RuntimeWarning, match="tried in this process"):
        assert read_file(path)[1].graph.node


def test_a_file_of_known_sizes_needs_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long weights are no sizes; initial states of the batch are computed of shapes."""
    monkeypatch.setattr(trial, "run_child", lambda *_: pytest.fail("a process was started"))
    shapes = [node("Shape", ["x"], ["s"], start=0, end=1), node("Concat", ["s", "n"], ["t"], axis=0)]
    state = [*shapes, node("ConstantOfShape", ["t"], ["made"])]
    path = _file(tmp_path, (state, {"n": np.array([5], I64)}))
    assert read_file(str(path))[1].graph.node
    path = _file(tmp_path, ([node("MatMul", ["x", "w"], ["made"])], {"w": np.ones((4, 5000), F32)}))
    assert read_file(str(path))[1].graph.node
