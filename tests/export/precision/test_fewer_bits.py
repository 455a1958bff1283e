"""Narrow weights are read from the file as its operators read them, and compared with their grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from rnnedge_export import Precision
from rnnedge_export.precision import grids
from rnnedge_export.precision.grids import Narrow
from rnnedge_export.verification import check_fewer_bits
from rnnedge_export.verification.stored_weights import stored_weights

# Of equal columns: one scale for all of them loses nothing.
W = np.random.default_rng(0).uniform(-1, 1, (72, 33)).astype(np.float32)


def _file(node: onnx.NodeProto, *arrays: tuple[str, np.ndarray]) -> bytes:
    constants = [numpy_helper.from_array(array, name) for name, array in arrays]
    nodes = [node, helper.make_node("Mul", ["wide", "scale"], ["w"])] if node.op_type == "Cast" else [node]
    graph = helper.make_graph(nodes, "g", [], [], constants)
    return helper.make_model(graph).SerializeToString()


FLOAT32 = _file(helper.make_node("MatMul", ["x", "w"], ["y"]), ("w", W), ("pad", np.zeros((40, 40), np.float32)))


def _blocks(narrow: Narrow, bits: int) -> bytes:
    q = (narrow.q.astype(np.int16) + (128 if bits == 8 else 8)).astype(np.uint8)
    q = q if bits == 8 else q[..., 0::2] | (q[..., 1::2] << 4)
    node = helper.make_node("MatMulNBits", ["x", "q", "scale"], ["y"], K=72, N=33, bits=bits, block_size=narrow.block)
    return _file(node, ("q", q), ("scale", narrow.scale.reshape(-1)))


def _file_of(kind: str, narrow: Narrow) -> bytes:
    if kind.startswith("block"):
        return _blocks(narrow, int(kind[-1]))
    if kind == "axis":
        return _file(helper.make_node("Cast", ["q"], ["wide"], to=1), ("q", narrow.q), ("scale", narrow.scale))
    node = helper.make_node("MatMulIntegerToFloat", ["x", "q", "s", "scale"], ["y"])
    return _file(node, ("q", narrow.q), ("scale", narrow.scale))


KINDS = {
    "tensor": grids.per_tensor,
    "column": grids.per_column,
    "axis": lambda w: grids.per_axis(w, 0),
    "block 8": lambda w: grids.per_block(w, 8),
    "block 4": lambda w: grids.per_block(w, 4),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_way_of_storing_weights_is_read_and_held_to_its_grid(kind: str) -> None:
    """Right ones pass; one that is a level off is named, and so is a step that is two thousandths off."""
    asked, narrow = Precision("int4" if kind == "block 4" else "int8"), KINDS[kind](W)
    data = _file_of(kind, narrow)
    (stored,) = [one for one in stored_weights(data) if one.precision != "float32"]
    np.testing.assert_allclose(stored.wide, narrow.widened(), rtol=1e-6)
    assert check_fewer_bits(FLOAT32, data, asked).passed
    at = np.unravel_index(int(np.argmax(narrow.q)), narrow.q.shape)
    wrong = narrow.q.copy()
    wrong[at] -= 1
    found = check_fewer_bits(FLOAT32, _file_of(kind, replace(narrow, q=wrong)), asked)
    assert "steps apart" in found.place
    found = check_fewer_bits(FLOAT32, _file_of(kind, replace(narrow, scale=narrow.scale * np.float32(1.002))), asked)
    assert not found.passed


@pytest.mark.parametrize(("layers", "fails"), [({}, False), ({"head": "int4"}, True), ({"other": "int4"}, False)])
def test_a_layer_has_the_precision_that_was_asked_of_it(layers: dict[str, str], fails: bool) -> None:
    """Not that of the rest; what was asked of another layer is nothing to it."""
    data = _file_of("column", grids.per_column(W))
    found = check_fewer_bits(FLOAT32, data, Precision("int8", layers), [("head", W)])
    assert found.passed != fails
    assert not fails or "expected int4, found int8" in found.place


def test_what_is_no_weight_keeps_its_numbers() -> None:
    """A bias that is rounded to float16 is named."""
    bias = np.linspace(0.1, 1, 33, dtype=np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Add", ["p", "b"], ["y"])]
    constants = [numpy_helper.from_array(array, name) for name, array in (("w", W), ("b", bias))]
    float32 = helper.make_model(helper.make_graph(nodes, "g", [], [], constants)).SerializeToString()
    narrow = grids.per_column(W)
    node = helper.make_node("MatMulIntegerToFloat", ["x", "q", "s", "scale", "", "", "b"], ["y"])
    for stored, passes in ((bias, True), (bias[::-1].copy(), True), (np.float32(np.float16(bias)), False)):
        data = _file(node, ("q", narrow.q), ("scale", narrow.scale), ("b", stored))
        found = check_fewer_bits(float32, data, Precision("int8"))
        assert found.passed == passes
        assert passes or "constant 'b': " in found.place


def test_a_matrix_on_the_left_has_a_scale_for_each_row() -> None:
    """It has more columns than rows, and is no weight of a plain product."""
    wide = W.T
    narrow = grids.per_axis(wide, 0)
    nodes = [("Cast", ["q"], "wide", {"to": 1}), ("Mul", ["wide", "scale"], "w", {}), ("MatMul", ["w", "x"], "y", {})]
    constants = [numpy_helper.from_array(a, name) for name, a in (("q", narrow.q), ("scale", narrow.scale))]
    made = [helper.make_node(op, given, [result], **attributes) for op, given, result, attributes in nodes]
    data = helper.make_model(helper.make_graph(made, "g", [], [], constants)).SerializeToString()
    found = check_fewer_bits(FLOAT32, data, Precision("int8"))
    assert found.passed, found.place


def test_a_weight_that_was_to_be_narrow_and_is_not_is_named() -> None:
    """A file that says int8 and holds float32."""
    assert "expected it in int8, found it in float32" in check_fewer_bits(FLOAT32, FLOAT32, Precision("int8")).place
