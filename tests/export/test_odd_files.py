"""Files that are no network for streams: one line of ours for each, whatever another library says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import foreign
import numpy as np
import onnx
import pytest
from foreign import node
from in_one_test import in_one_test
from onnx import helper

from rnnedge_export.adoption.propose import propose
from rnnedge_runtime import ModelRefused

RELU = [node("Relu", ["x"], ["y"])]
STATE = [node("Add", ["x", "h"], ["h2"]), node("Relu", ["h2"], ["y"])]
LOG = [node("Log", ["x"], ["y"])]
SPLIT = [node("SplitToSequence", ["x"], ["y"], axis=1)]
Edit = Callable[[onnx.ModelProto], object]


def listed(model: onnx.ModelProto) -> None:
    """The output is a list."""
    model.graph.output[0].CopyFrom(helper.make_tensor_sequence_value_info("y", foreign.FLOAT, None))


def newest(model: onnx.ModelProto) -> None:
    """Of a time to come."""
    model.opset_import[0].version = 99


@in_one_test(
    ("nodes", "ports", "edit", "words"),
    [
        (RELU, {"x": ["n", "t", 3]}, lambda m: m.graph.input[0].ClearField("type"), "expected an input of numbers"),
        (RELU, {"x": ["n", "t", 3]}, lambda m: m.graph.ClearField("output"), "at least one output, found none"),
        (RELU, {"x": ["n", "t", 3]}, newest, "opset 99: expected 7 to"),
        ([*RELU, *LOG], {"x": ["n", "t", 3]}, None, "'y': two nodes give it"),
        ([node("RandomNormal", [], ["y"], shape=[2, 3])], {}, None, "an input that brings frames, found none"),
        (SPLIT, {"x": ["n", "t", 3]}, listed, "output 'y': expected a tensor, found seq"),
        (LOG, {"x": ["n", "t", 3]}, None, "its own output 'y' is not finite"),
        (STATE, {"x": [1, 3], "h": [1, 3]}, None, "use 'rnnedge adopt'"),
    ],
)  # fmt: skip
def test_what_is_no_network_for_streams(
    nodes: list[Any], ports: dict[str, Any], edit: Edit | None, words: str, tmp_path: Path
) -> None:
    """Refused by convert with its reason; the proposal raises nothing else."""
    shape = next(iter(ports.values()), ["n", "t", 3])
    outputs = {"y": shape, **({"h2": shape} if "h" in ports else {})}
    file = foreign.write(tmp_path / "f.onnx", nodes, ports, outputs, {"w": np.zeros(1, np.float32)})
    if edit is not None:
        model = onnx.load(file)
        edit(model)
        file.write_bytes(model.SerializeToString())
    with pytest.raises(ModelRefused, match=words) as refusal:
        foreign.convert(file, tmp_path / "s.onnx")
    assert "internal error" not in str(refusal.value) and "\n" not in str(refusal.value)
    with suppress(ModelRefused):
        propose(str(file))
