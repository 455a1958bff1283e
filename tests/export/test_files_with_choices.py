"""Files with states of their own that choose and repeat, or are of an opset that is older or newer than the passes'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import foreign
import numpy as np
import onnx
import pytest
from foreign import node, weights
from onnx import helper

FLOAT = foreign.FLOAT
VALUE = helper.make_tensor_value_info
NUMBERS = {"none": np.array([], np.int64), "zero": np.array([0]), "one": np.array([1]), "last": np.array([-1]),
           "end": np.array([2**40]), "half": np.float32(0.5), "full": np.array([1], np.float32)}  # fmt: skip


def choosing(path: Path) -> Path:
    """What is in front of the first frame is that frame itself: a flag says that it has been."""
    kept = helper.make_graph([node("Identity", ["cache"], ["p"])], "kept", [], [VALUE("p", FLOAT, None)])
    first = helper.make_graph(
        [node("Slice", ["x", "zero", "one", "one"], ["p"])], "first", [], [VALUE("p", FLOAT, None)]
    )
    nodes = [
        node("Greater", ["flag", "half"], ["seen"]), node("Reshape", ["seen", "none"], ["condition"]),
        node("If", ["condition"], ["past"], then_branch=kept, else_branch=first),
        node("Concat", ["past", "x"], ["both"], axis=1), node("Slice", ["both", "last", "end", "one"], ["cache_out"]),
        node("Slice", ["both", "zero", "last", "one"], ["before"]), node("Sub", ["x", "before"], ["y"]),
        node("Max", ["flag", "full"], ["flag_out"]),
    ]  # fmt: skip
    return foreign.write(path, nodes, {"x": [1, "t", 3], "cache": [1, 1, 3], "flag": [1]},
                         {"y": [1, "t", 3], "cache_out": [1, 1, 3], "flag_out": [1]}, NUMBERS)  # fmt: skip


def looping(path: Path) -> Path:
    """A Loop over the frames of a call, whose carried value is the state."""
    body = helper.make_graph(
        [node("Gather", ["x", "i"], ["now"], axis=1), node("Concat", ["now", "before"], ["all"], axis=1),
         node("MatMul", ["all", "w"], ["sum"]), node("Tanh", ["sum"], ["after"]), node("Identity", ["go"], ["still"]),
         node("Identity", ["after"], ["given"])], "body",
        [VALUE("i", foreign.INT64, []), VALUE("go", onnx.TensorProto.BOOL, []), VALUE("before", FLOAT, [1, 5])],
        [VALUE("still", onnx.TensorProto.BOOL, []), VALUE("after", FLOAT, [1, 5]), VALUE("given", FLOAT, [1, 5])],
    )  # fmt: skip
    nodes = [node("Shape", ["x"], ["sizes"]), node("Gather", ["sizes", "at"], ["count"]),
             node("Loop", ["count", "true", "cache"], ["cache_out", "stacked"], body=body),
             node("Transpose", ["stacked"], ["y"], perm=[1, 0, 2])]  # fmt: skip
    return foreign.write(path, nodes, {"x": [1, "t", 3], "cache": [1, 5]}, {"y": [1, "t", 5], "cache_out": [1, 5]},
                         {"w": weights(8, 5), "at": np.array(1), "true": np.array(True)})  # fmt: skip


def recurrent(path: Path, opset: int, ir_version: int) -> Path:
    """A recurrence behind an operator that ONNX has from that opset on."""
    first = [node("RMSNormalization", ["x", "g"], ["n"], axis=-1)] if opset > 22 else [node("Mul", ["x", "g"], ["n"])]
    squeezed = node("Squeeze", ["all", "one"], ["y"]) if opset > 12 else node("Squeeze", ["all"], ["y"], axes=[1])
    nodes = [*first, node("GRU", ["n", "w", "r", "", "", "cache"], ["all", "cache_out"], hidden_size=4), squeezed]
    given = {"w": weights(1, 12, 3), "r": weights(1, 12, 4, seed=2), "g": weights(3, seed=3), "one": np.array([1])}
    if opset < 13:
        del given["one"]
    inputs = {"x": ["t", 1, 3], "cache": [1, 1, 4]}
    return foreign.write(path, nodes, inputs, {"y": ["t", 1, 4], "cache_out": [1, 1, 4]}, given, opset=opset,
                         ir_version=ir_version)  # fmt: skip


@pytest.mark.parametrize("kind", ["choice", "loop", "IR 3", "opset 23"])
def test_a_file_with_states_is_adopted(kind: str, tmp_path: Path) -> None:
    """What its author's loop gives, one frame a call."""
    file = tmp_path / "f.onnx"
    if kind in ("choice", "loop"):
        (choosing if kind == "choice" else looping)(file)
    else:
        recurrent(file, *((9, 3) if kind == "IR 3" else (23, 10)))
    by_time = kind in ("choice", "loop")
    proto = onnx.load(file)
    weighted = {one.name for one in proto.graph.initializer}
    ports = {port.name: port for port in proto.graph.input if port.name not in weighted}
    kept: dict[str, Any] = {
        name: np.zeros([d.dim_value for d in port.type.tensor_type.shape.dim], np.float32)
        for name, port in ports.items() if name != "x"
    }  # fmt: skip
    foreign.adopt(file, tmp_path / "s.onnx", states={name: f"{name}_out" for name in kept}, time_axis=int(by_time))
    frames, expected = weights(17, 3, seed=5), []
    names = [port.name for port in proto.graph.output]
    for frame in frames:
        found = dict(zip(names, foreign.whole(file, x=frame[None, None], **kept), strict=True))
        expected.append(found["y"].reshape(-1))
        kept = {name: found[f"{name}_out"] for name in kept}
    foreign.streams_as(tmp_path / "s.onnx", frames, np.stack(expected), atol=1e-6)


@pytest.mark.parametrize("operator", ["RMSNormalization", "Swish"])
def test_operators_that_are_newer_than_the_passes_convert(operator: str, tmp_path: Path) -> None:
    """Of opset 23 and 24, written as ONNX defines them."""
    nodes = [node("MatMul", ["x", "w"], ["m"]),
             node("Swish", ["m"], ["y"], alpha=1.5) if operator == "Swish" else
             node("RMSNormalization", ["m", "g"], ["y"], axis=-1)]  # fmt: skip
    given = {"w": weights(3, 4), **({} if operator == "Swish" else {"g": weights(4, seed=2)})}
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": ["n", "t", 3]}, {"y": ["n", "t", 4]}, given,
                         opset=24 if operator == "Swish" else 23, ir_version=10)  # fmt: skip
    foreign.convert(file, tmp_path / "s.onnx")
    x = weights(9, 3, seed=5)
    foreign.streams_as(tmp_path / "s.onnx", x, foreign.whole(file, x=x[None])[0][0])
