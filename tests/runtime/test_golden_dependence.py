"""A golden sample that no wrong engine would fail is none: its outputs change with the frames."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from bombs import model, sealed
from in_one_test import in_one_test
from onnx import helper, numpy_helper

from rnnedge_runtime import ModelRefused
from rnnedge_runtime.golden_dependence import depends_on_frames
from rnnedge_runtime.loader import load_bytes

Array = np.ndarray[Any, Any]
_node = helper.make_node
SAMPLE = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)


def _entry(array: Array) -> dict[str, Any]:
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": base64.b64encode(array.tobytes()).decode()}


def made(nodes: list[onnx.NodeProto], run: Callable[[Array], Array], x: Array = SAMPLE, **weights: Any) -> bytes:
    """A sealed file of `nodes` without states, whose sample is `x` and what `run` makes of it."""
    proto, y = model(), run(x)
    ports = {"x": x, "y": y}
    given = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), ["batch", "time", *a.shape[1:]])
             for n, a in ports.items()]  # fmt: skip
    del proto.graph.node[:], proto.graph.initializer[:], proto.graph.input[:], proto.graph.output[:]
    proto.graph.node.extend(nodes)
    proto.graph.initializer.extend(numpy_helper.from_array(np.asarray(w), n) for n, w in weights.items())
    proto.graph.input.append(given[0])
    proto.graph.output.append(given[1])
    for entry in proto.metadata_props:
        if entry.key == "rnnedge.contract":
            fields = json.loads(entry.value)
            fields |= {"states": [], "labels": [], "normalization": None}
            kept = {k: v for k, v in fields["inputs"][0].items() if k != "range"} | {"batch_axis": 0, "time_axis": 1}
            sides = {n: [{**kept, "name": n, "dtype": str(a.dtype), "shape": ["batch", "time", *a.shape[1:]]}]
                     for n, a in ports.items()}  # fmt: skip
            entry.value = json.dumps(fields | {"inputs": sides["x"], "outputs": sides["y"]})
        if entry.key == "rnnedge.golden":
            sample = {"inputs": {"x": _entry(x)}, "outputs": {"y": _entry(y)}, "tolerance": 1e-5}
            entry.value = json.dumps(sample)
    return sealed(proto)


def _plus(value: Any) -> Callable[[Array], Array]:
    return lambda x: (0 * x + np.asarray(value, x.dtype)).astype(x.dtype)


ZERO, SEVEN = np.zeros(3, np.float32), np.arange(7, 10, dtype=np.float32)
# Outputs that are what they are whatever comes.
NOTHING: dict[str, Callable[[], bytes]] = {
    "one number": lambda: made(
        [_node("Mul", ["x", "zero"], ["o"]), _node("Add", ["o", "c"], ["y"])],
        _plus(7),
        zero=np.float32(0),
        c=np.float32(7),
    ),
    "a number per feature": lambda: made(
        [_node("Mul", ["x", "zero"], ["o"]), _node("Add", ["o", "c"], ["y"])], _plus(SEVEN), zero=np.float32(0), c=SEVEN
    ),
    "zeros": lambda: made([_node("Mul", ["x", "zero"], ["y"])], _plus(0), zero=np.float32(0)),
    "no frames are louder than a limit": lambda: made(
        [_node("Clip", ["x", "low", "high"], ["y"])], lambda x: x.clip(5, 5), low=np.float32(5), high=np.float32(5)
    ),
    "kinds that are all one": lambda: made(
        [_node("Greater", ["x", "far"], ["y"])], lambda x: x > 1e30, far=np.float32(1e30)
    ),
}
# Outputs that are all equal, or zeros, for the frames of the sample alone.
SOMETHING: dict[str, Callable[[], bytes]] = {
    "kinds": lambda: made([_node("Greater", ["x", "far"], ["y"])], lambda x: x > 50, far=np.float32(50)),
    "zeros in": lambda: made([_node("Abs", ["x"], ["y"])], np.abs, np.ones((4, 3), np.float32)),
    "silence": lambda: made([_node("Neg", ["x"], ["y"])], np.negative, np.zeros((4, 3), np.float32)),
    "frames that say how long a list is": lambda: made(
        [
            _node("ReduceMax", ["x"], ["m"], keepdims=0),
            _node("Cast", ["m"], ["n"], to=7),
            _node("Reshape", ["n", "one"], ["shape"]),
            _node("Reshape", ["list", "shape"], ["all"]),
            _node("ReduceSum", ["all"], ["sum"], keepdims=0),
            _node("Mul", ["sum", "zero"], ["o"]),
            _node("Mul", ["x", "zero"], ["e"]),
            _node("Sum", ["o", "e"], ["y"]),
        ],
        _plus(0),
        np.full((4, 3), 3, np.float32),
        one=np.array([1]),
        list=np.ones(3, np.float32),
        zero=np.float32(0),
    ),
    "one frame": lambda: made([_node("Neg", ["x"], ["y"])], np.negative, SAMPLE[:1]),
    "even": lambda: made([_node("Mul", ["x", "x"], ["y"])], np.square, np.full((1, 3), 2, np.float32)),
    "tokens": lambda: made([_node("Neg", ["x"], ["y"])], np.negative, np.array([[0], [3], [2]], np.int64)),
    "zeros of whole numbers": lambda: made([_node("Neg", ["x"], ["y"])], np.negative, np.zeros((4, 1), np.int64)),
    "a table of three rows": lambda: made(
        [_node("Gather", ["table", "x"], ["r"]), _node("Squeeze", ["r", "axis"], ["y"])],
        lambda x: np.arange(1, 4, dtype=np.float32)[x],
        np.zeros((4, 1), np.int64),
        table=np.arange(1, 4, dtype=np.float32)[:, None],
        axis=np.array([-1]),
    ),
    "one token": lambda: made([_node("Neg", ["x"], ["y"])], np.negative, np.array([[3]], np.int64)),
}


@in_one_test("name", NOTHING)
def test_a_sample_that_shows_nothing_is_refused(name: str) -> None:
    """By a strict load; a local one takes it."""
    data = NOTHING[name]()
    with pytest.raises(ModelRefused, match="golden sample: expected outputs that other frames change"):
        load_bytes(data, "m", trust="strict", in_child=False)
    assert not depends_on_frames(load_bytes(data, "m", trust="local").loaded)


@in_one_test("name", SOMETHING)
def test_a_sample_that_shows_something_is_taken(name: str) -> None:
    """Other frames change an output."""
    loaded = load_bytes(SOMETHING[name](), "m", trust="strict", in_child=False).loaded
    assert depends_on_frames(loaded)


def test_a_sample_without_a_frame_of_output_is_taken() -> None:
    """A delay can be longer than the sample, which then replays without a number to compare: it claims nothing."""
    proto = onnx.ModelProto.FromString(NOTHING["zeros"]())
    del proto.metadata_props[-1]
    for entry in proto.metadata_props:
        fields = json.loads(entry.value) if entry.key != "rnnedge.schema" else {}
        if entry.key == "rnnedge.contract":
            fields["outputs"][0]["clock"]["length"] = [[1, -6, 1]]
        if entry.key == "rnnedge.golden":
            fields["outputs"]["y"] = _entry(np.zeros((0, 3), np.float32))
        entry.value = json.dumps(fields) if fields else entry.value
    golden = load_bytes(sealed(proto), "m", trust="strict", in_child=False).contract.golden
    assert golden is not None and not golden.outputs["y"].size
