"""Files that onnxruntime saved after its optimizations: their fused operators stream, equal to onnxruntime's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import foreign
import onnx
import pytest
from foreign import node, weights

from rnnedge_runtime import ModelRefused

ROWS: list[int | str] = ["n", "t", 4]
WEIGHTS = {"w": weights(5, 4), "b": weights(5, seed=1), "g": weights(5, seed=2), "k": weights(3, 4, 2, seed=3)}


def fused(operator: str, inputs: Sequence[str], *outputs: str, **attributes: Any) -> onnx.NodeProto:
    """A node of the domain com.microsoft."""
    return node(operator, inputs, outputs or ["y"], domain="com.microsoft", **attributes)


def write(path: Path, nodes: Sequence[onnx.NodeProto], inputs: Any, outputs: Any, opset: int = 17) -> Path:
    """A file that says that it uses com.microsoft."""
    file = foreign.write(path, nodes, inputs, outputs, WEIGHTS, opset=opset)
    model = onnx.load(file)
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    file.write_bytes(model.SerializeToString())
    return file


def test_fused_operators_are_written_with_those_of_onnx(tmp_path: Path) -> None:
    """Products, every Gelu and a normalized sum, one after the other."""
    chain = [
        fused("FusedMatMul", ["x", "w"], "a", transB=1, alpha=0.5),
        fused("BiasGelu", ["a", "b"], "c"),
        fused("FastGelu", ["c", "b"], "d"),
        fused("QuickGelu", ["d"], "e", alpha=1.5),
        fused("SkipLayerNormalization", ["e", "a", "g", "b"], "f", "", "", "sum", epsilon=1e-3),
        node("Add", ["f", "sum"], ["s"]),
        fused("Gelu", ["s"]),
    ]
    file = write(tmp_path / "f.onnx", chain, {"x": ROWS}, {"y": ["n", "t", 5]})
    report = foreign.convert(file, tmp_path / "s.onnx")
    assert report.verification.passed
    assert {n.domain for n in onnx.load(tmp_path / "s.onnx").graph.node} == {""}


@pytest.mark.parametrize(("activation", "params"), [("Relu", []), ("LeakyRelu", [0.1]), ("Clip", [-0.2, 0.2])])
def test_a_fused_convolution(activation: str, params: list[float], tmp_path: Path) -> None:
    """With its activation, whose parameters stand in one list."""
    given = {"activation_params": params} if params else {}
    conv = fused("FusedConv", ["x", "k"], activation=activation, pads=[1, 0], **given)
    file = write(tmp_path / "f.onnx", [conv], {"x": ["n", 4, "t"]}, {"y": ["n", 3, "t"]})
    assert foreign.convert(file, tmp_path / "s.onnx", time_axis=2).verification.passed


def test_fused_operators_of_a_step(tmp_path: Path) -> None:
    """A file that is adopted has them, too; the one that has no rule is named."""
    step = [fused("FusedGemm", ["x", "w", "b"], "a", transB=1, activation="Tanh"), node("Add", ["a", "h"], ["hn"])]
    ports = {"x": ["n", 4], "h": ["n", 5]}, {"y": ["n", 5], "hn": ["n", 5]}
    file = write(tmp_path / "f.onnx", [*step, node("Relu", ["hn"], ["y"])], *ports)
    assert foreign.adopt(file, tmp_path / "s.onnx", states={"h": "hn"}, time_axis=None).verification.passed
    file = write(tmp_path / "g.onnx", [*step, fused("BiasSoftmax", ["hn", "b"], axis=1, is_inner_broadcast=0)], *ports)
    with pytest.raises(ModelRefused, match="BiasSoftmax"):
        foreign.adopt(file, tmp_path / "s.onnx", states={"h": "hn"}, time_axis=None)
