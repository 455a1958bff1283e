"""Files that onnxruntime takes although they are written carelessly: they stream, and are verified as they came."""

from __future__ import annotations

from pathlib import Path

import foreign
import onnx
import pytest
from foreign import node

from rnnedge.cli._constants import state_pair
from rnnedge_export import verify
from rnnedge_export.onnx_files._node_order import put_in_order

MEAN = [node("Mul", ["x", "w"], ["a"], name="n"), node("Relu", ["a"], ["b"], name="n"), node("Tanh", ["b"], ["y"])]


def careless(path: Path, shape: list[int | str]) -> Path:
    """Nodes from back to front, two of one name, sizes of -1."""
    file = foreign.write(path, MEAN[::-1], {"x": shape}, {"y": shape}, {"w": foreign.weights(1)})
    model = onnx.load(file)
    for dim in model.graph.input[0].type.tensor_type.shape.dim:
        if dim.HasField("dim_param"):
            dim.dim_value = -1
    file.write_bytes(model.SerializeToString())
    return file


def test_careless_files_are_converted(tmp_path: Path) -> None:
    """Nodes out of order, node names that meet, and sizes below one stand in nobody's way."""
    file = careless(tmp_path / "f.onnx", ["n", "t", 3])
    assert foreign.convert(file, tmp_path / "s.onnx").verification.passed


def test_the_axes_of_a_conversion_are_remembered(tmp_path: Path) -> None:
    """`verify` needs no axes for a file that was converted along others than the usual ones."""
    file = careless(tmp_path / "f.onnx", ["n", 3, "t"])
    report = foreign.convert(file, tmp_path / "s.onnx", time_axis="x:2")
    assert report.contract.provenance["axes"] == '["x:2", null]'
    assert verify(tmp_path / "s.onnx", file, effort=foreign.BRIEF).passed


def test_a_circle_is_left_as_it_is() -> None:
    """Nodes that wait for each other have no order."""
    graph = onnx.helper.make_graph([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"])], "g", [], [])
    before = graph.SerializeToString()
    put_in_order(graph)
    assert graph.SerializeToString() == before


@pytest.mark.parametrize(
    ("text", "pair"), [("h:0:hn:0", ("h:0", "hn:0")), ("h=Identity:0:0", ("h", "Identity:0:0")), ("a:b", ("a", "b"))]
)
def test_states_whose_names_have_colons(text: str, pair: tuple[str, str]) -> None:
    """As many colons in both names, or an equals sign between them."""
    assert state_pair(text) == pair
