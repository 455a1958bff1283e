"""The step form of whole networks: two-dimensional, nothing but products and element-wise operators, same function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from in_one_test import in_one_test
from onnx import TensorProto, helper, numpy_helper

from rnnedge_export.forms import lower
from rnnedge_export.graph.axes import remove_unit_axes

Array = np.ndarray[Any, Any]
Run = Callable[..., list[Array]]
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
INPUT, HIDDEN, LABELS = 5, 6, 3
# One cell, and what LayerNorm, residual and head add.
CELLS = {
    "RNN": "Gemm Gemm Tanh",
    "LSTM": "Gemm Gemm Gemm Gemm Sigmoid Split Tanh Mul Mul Add Tanh Mul",
    "GRU": "Gemm Gemm Gemm Gemm Sigmoid Split Mul Add Tanh Sub Mul Add",
}


def network(kind: str, layers: int, opset: int = 20, frames: int | str = 1) -> ir.Model:
    """Batch-first stack as the capture writes it: x (batch, time, 5), states (1, batch, 6), y (batch, time, 3)."""
    rng = np.random.default_rng(0)
    letters = "hc" if kind == "LSTM" else "h"
    nodes = [helper.make_node("Transpose", ["x"], ["x_by_time"], perm=[1, 0, 2])]
    weights = [numpy_helper.from_array(np.array([1]), "one")]

    def weight(name: str, *shape: int) -> str:
        weights.append(numpy_helper.from_array((0.5 * rng.standard_normal(shape)).astype(np.float32), name))
        return name

    states: list[str] = []
    below = "x_by_time"
    for k in range(layers):
        own = [f"{letter}{k}" for letter in letters]
        gates = GATES[kind] * HIDDEN
        w, r = weight(f"W{k}", 1, gates, HIDDEN if k else INPUT), weight(f"R{k}", 1, gates, HIDDEN)
        options = {"linear_before_reset": 1} if kind == "GRU" else {}
        nodes += [
            helper.make_node(
                kind,
                [below, w, r, weight(f"B{k}", 1, 2 * gates), "", *own],
                [f"Y{k}", *(f"{name}_next" for name in own)],
                name=f"{kind}_{k}",
                hidden_size=HIDDEN,
                **options,
            ),
            helper.make_node("Squeeze", [f"Y{k}", "one"], [f"y{k}"]),
        ]
        above = f"y{k}"
        if k:
            nodes.append(helper.make_node("Add", [above, below], [f"sum{k}"]))
            above = f"sum{k}"
        scale, shift = weight(f"scale{k}", HIDDEN), weight(f"shift{k}", HIDDEN)
        below = f"norm{k}"
        nodes.append(helper.make_node("LayerNormalization", [above, scale, shift], [below]))
        states += own
    nodes += [
        helper.make_node("Transpose", [below], ["y_by_batch"], perm=[1, 0, 2]),
        helper.make_node("MatMul", ["y_by_batch", weight("head", HIDDEN, LABELS)], ["product"]),
        helper.make_node("Add", ["product", weight("head_bias", LABELS)], ["y"]),
    ]

    def port(name: str, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        "network",
        [port("x", "batch", frames, INPUT), *(port(name, 1, "batch", HIDDEN) for name in states)],
        [port("y", "batch", frames, LABELS), *(port(f"{name}_next", 1, "batch", HIDDEN) for name in states)],
        weights,
    )
    return ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9))


def step(model: ir.Model) -> ir.Model:
    """The step form without time and direction axes, in place."""
    lower(model, "step")
    ports = [
        {str(v.name): 1 if v.name in "xy" else 0 for v in side} for side in (model.graph.inputs, model.graph.outputs)
    ]
    remove_unit_axes(model, *ports)
    return model


def feeds(model: ir.Model, batch: int) -> dict[str, Array]:
    """Random inputs."""
    rng = np.random.default_rng(1)
    return {
        str(v.name): rng.standard_normal([d if isinstance(d, int) else batch for d in v.shape or ()]).astype(np.float32)
        for v in model.graph.inputs
    }


def weight_bytes(model: ir.Model) -> int:
    """Bytes of floating-point constants."""
    tensors = [v.const_value for v in model.graph.initializers.values() if v.const_value is not None]
    return sum(t.nbytes for t in tensors if t.dtype == ir.DataType.FLOAT)


@in_one_test("layers", [1, 2, 3])
@in_one_test("kind", GATES)
def test_only_products_and_element_wise_operators_remain(kind: str, layers: int) -> None:
    """No Squeeze, Unsqueeze, Transpose or Reshape is left, and nothing is computed twice."""
    actual = Counter(node.op_type for node in step(network(kind, layers)).graph)
    rest = ["LayerNormalization"] * layers + ["Add"] * (layers - 1) + ["Gemm"]
    assert actual == Counter(CELLS[kind].split() * layers + rest)


@pytest.mark.parametrize("kind", GATES)
def test_every_value_has_two_axes(kind: str) -> None:
    """Inputs, outputs and everything between are (batch, feature), with batch still symbolic."""
    model = step(network(kind, 2))
    values = [*model.graph.inputs, *model.graph.outputs, *(v for node in model.graph for v in node.outputs)]
    assert {len(v.shape) for v in values if v.shape is not None} == {2}
    assert {str(v.shape[0]) for v in values if v.shape is not None} == {"batch"}
    assert all(v.type is not None for v in values)


@in_one_test("batch", [1, 3])
@in_one_test("opset", [18, 19, 20, 21, 22])
@in_one_test("kind", GATES)
def test_step_equals_native(kind: str, opset: int, batch: int, run_onnx: Run) -> None:
    """One frame, in every opset, for any batch: the step form computes what the native operators do."""
    native = network(kind, 3, opset)
    inputs = feeds(native, batch)
    expected = [np.squeeze(a, 0 if k else 1) for k, a in enumerate(run_onnx(native, inputs))]
    frame = {name: np.squeeze(a, 1 if name == "x" else 0) for name, a in inputs.items()}
    for got, wanted in zip(run_onnx(step(native), frame), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", GATES)
def test_chained_steps_equal_the_whole_sequence(kind: str, run_onnx: Run) -> None:
    """200 frames through the step form, its states handed on, equal the native operators over the sequence."""
    frames = 200
    whole = network(kind, 2, frames=frames)
    inputs = feeds(whole, 2)
    y, *finals = run_onnx(whole, inputs)
    model = step(network(kind, 2))
    names = [str(v.name) for v in model.graph.inputs][1:]
    states = {name: inputs[name][0] for name in names}
    rows = []
    for t in range(frames):
        row, *after = run_onnx(model, {"x": inputs["x"][:, t], **states})
        rows.append(row)
        states = dict(zip(names, after, strict=True))
    np.testing.assert_allclose(np.stack(rows, 1), y, rtol=0, atol=2e-6)
    for got, wanted in zip(states.values(), finals, strict=True):
        np.testing.assert_allclose(got, wanted[0], rtol=0, atol=2e-6)


@in_one_test("form", ["scan", "unrolled", "step"])
@in_one_test("kind", GATES)
def test_weights_stand_in_the_file_once(kind: str, form: str) -> None:
    """No weight is moved at run time or stored twice; summed biases make the file smaller."""
    model = network(kind, 2)
    before = weight_bytes(model)
    lower(model, form, chunk=1)
    assert weight_bytes(model) <= before
    moves = [node for node in model.graph.all_nodes() if node.op_type in ("Transpose", "Slice", "Concat")]
    assert all(v is None or v.const_value is None for node in moves for v in node.inputs)


@in_one_test("form", ["scan", "unrolled", "step"])
@in_one_test("kind", GATES)
def test_same_model_same_bytes(kind: str, form: str) -> None:
    """Names, order and constants depend on nothing but the model."""

    def written() -> bytes:
        model = network(kind, 2)
        lower(model, form, chunk=1)
        if form == "step":
            model = step(network(kind, 2))
        return bytes(ir.to_proto(model).SerializeToString(deterministic=True))

    assert written() == written()


@in_one_test("form", ["scan", "unrolled", "step"])
@in_one_test("kind", GATES)
def test_the_graph_passes_the_checker(kind: str, form: str) -> None:
    """The checker of onnx, with full shape inference, accepts what was written."""
    model = network(kind, 2)
    lower(model, form, chunk=1)
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    onnx.checker.check_model(ir.to_proto(step(network(kind, 2))), full_check=True)


def test_nodes_name_the_layer_they_come_from() -> None:
    """A node's name begins with that of the recurrence it was written for."""
    model = network("GRU", 2)
    lower(model, "step")
    names = [str(node.name) for node in model.graph]
    assert sum(name.startswith("GRU_0/") for name in names) == sum(name.startswith("GRU_1/") for name in names) > 10
