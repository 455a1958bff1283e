"""Files of opset 7 to 13, as exporters of earlier years wrote them, stream and are adopted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import foreign
import numpy as np
import pytest
from foreign import node, weights
from in_one_test import in_one_test

from rnnedge_runtime import ModelRefused, load

SCALES = {"scales": np.array([1, 1, 1, 3], np.float32)}
NORM = {"scale": weights(4), "shift": weights(4, seed=1), "mean": weights(4, seed=2), "var": weights(4) ** 2 + 1}
NORMED = ["x", "scale", "shift", "mean", "var"]
TIME_LAST = [node("Transpose", ["x"], ["channels"], perm=[0, 2, 1])]


def old(*nodes: Any) -> list[Any]:
    """`nodes` from "x" to "y", each (operator, inputs, attributes), in a chain of single outputs."""
    chain, last = [], "x"
    for index, (operator, more, attributes) in enumerate(nodes):
        name = "y" if index == len(nodes) - 1 else f"v{index}"
        chain.append(node(operator, [last, *more], [name], **attributes))
        last = name
    return chain


@in_one_test(
    ("opset", "nodes", "constants"),
    [
        (7, old(("Clip", [], {"min": -0.5, "max": 0.5}), ("Dropout", [], {"ratio": 0.5}), ("PRelu", ["slope"], {}),
                ("Unsqueeze", [], {"axes": [1]}), ("Squeeze", [], {"axes": [1]}), ("Sum", ["x", "x"], {})),
         {"slope": weights(1, 1, 4)}),
        (9, old(("Softmax", [], {"axis": 2}), ("Slice", [], {"starts": [1], "ends": [99], "axes": [2]}),
                ("Pad", [], {"pads": [0, 0, 1, 0, 0, 2], "value": 0.5}), ("Clip", [], {"min": 0.0}),
                ("ReduceMean", [], {"axes": [2]})), {}),
        (11, old(("CumSum", ["one"], {}), ("LogSoftmax", [], {"axis": 2}), ("ReduceSum", [], {"axes": [-1]})),
         {"one": np.array(1)}),
        (7, old(("Transpose", [], {"perm": [0, 2, 1]}), ("BatchNormalization", NORMED[1:], {}),
                ("Transpose", [], {"perm": [0, 2, 1]})), NORM),
        (7, old(("Unsqueeze", [], {"axes": [1]}), ("Upsample", [], {"mode": "nearest", "scales": [1.0, 1, 1, 3]}),
                ("Squeeze", [], {"axes": [1]})), {}),
        (9, old(("Unsqueeze", [], {"axes": [1]}), ("Upsample", ["scales"], {"mode": "linear"}),
                ("Squeeze", [], {"axes": [1]})), SCALES),
        (10, old(("Unsqueeze", [], {"axes": [1]}), ("Resize", ["scales"], {"mode": "linear"}),
                 ("Squeeze", [], {"axes": [1]})), SCALES),
    ],
)  # fmt: skip
def test_operators_with_their_old_attributes(
    opset: int, nodes: list[Any], constants: dict[str, Any], tmp_path: Path
) -> None:
    """Each means what onnxruntime computes for the file as it came, weights listed as inputs (IR version 3)."""
    file = foreign.write(tmp_path / "old.onnx", nodes, {"x": ["n", "t", 4]}, {"y": ["n", "t", "f"]}, constants,
                         opset=opset, ir_version=3)  # fmt: skip
    foreign.convert(file, tmp_path / "s.onnx")
    x = weights(1, 11, 4, seed=7)
    foreign.streams_as(tmp_path / "s.onnx", x[0], foreign.whole(file, x=x)[0][0])


GRU = {"w": weights(1, 12, 3, seed=1), "r": weights(1, 12, 4, seed=2), "b": weights(1, 24, seed=3)}


@pytest.mark.parametrize("opset", [7, 13])
def test_a_recurrence_and_its_squeeze(opset: int, tmp_path: Path) -> None:
    """Without states as a file for whole sequences, with states of its own by adoption."""
    axes: dict[str, Any] = {"axes": [1]} if opset < 13 else {}
    squeeze = node("Squeeze", ["all", *([] if axes else ["one"])], ["y"], **axes)
    constants = {**GRU, "one": np.array([1])}
    layer = node("GRU", ["x", "w", "r", "b"], ["all"], hidden_size=4, linear_before_reset=1)
    step = node("GRU", ["x", "w", "r", "b", "", "h"], ["all", "hn"], hidden_size=4, linear_before_reset=1)
    frames, state, x = ["t", "n", 3], [1, "n", 4], weights(11, 1, 3)
    file = foreign.write(tmp_path / "f.onnx", [layer, squeeze], {"x": frames}, {"y": ["t", "n", 4]}, constants,
                         opset=opset)  # fmt: skip
    foreign.convert(file, tmp_path / "s.onnx", time_axis=0)
    foreign.streams_as(tmp_path / "s.onnx", x[:, 0], foreign.whole(file, x=x)[0][:, 0])
    file = foreign.write(tmp_path / "f.onnx", [step, squeeze], {"x": frames, "h": state},
                         {"y": ["t", "n", 4], "hn": state}, constants, opset=opset)  # fmt: skip
    report = foreign.adopt(file, tmp_path / "s.onnx", states={"h": "hn"}, time_axis=0)
    assert report.contract.opset == 18
    zeros = np.zeros((1, 1, 4), np.float32)
    foreign.streams_as(tmp_path / "s.onnx", x[:, 0], foreign.whole(file, x=x, h=zeros)[0][:, 0])


def test_a_file_of_an_older_opset_is_refused(tmp_path: Path) -> None:
    """onnxruntime does not run it, so nothing could prove what is made of it."""
    file = foreign.write(
        tmp_path / "f.onnx", old(("Relu", [], {})), {"x": ["n", "t", 4]}, {"y": ["n", "t", 4]}, opset=6
    )
    with pytest.raises(ModelRefused, match="opset 6: expected 7 to"):
        foreign.convert(file, tmp_path / "s.onnx")


def test_a_newer_opset_is_brought_back(tmp_path: Path) -> None:
    """If nothing in the file needs it."""
    file = foreign.write(tmp_path / "f.onnx", old(("Tanh", [], {})), {"x": ["n", "t", 4]}, {"y": ["n", "t", 4]},
                         opset=23, ir_version=10)  # fmt: skip
    foreign.convert(file, tmp_path / "s.onnx")
    assert load(tmp_path / "s.onnx").contract.opset == 20
