"""Networks of many products have one function for each shape, instead of a copy of the kernel for each product."""

from __future__ import annotations

import numpy as np
import onnx
from one_node import contract_of, library, run
from onnx import helper, numpy_helper

from rnnedge_export.codegen import render
from rnnedge_export.codegen._ir.step_program import StepProgram
from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.codegen._program_lowering import lower_program

ROWS, WIDTH = 7, 24


def _chain(layers: int, weights: Weights) -> tuple[StepProgram, np.ndarray, np.ndarray]:
    """Layers of one shape, the first one of another; what it gets, and what numpy makes of it."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, 10)).astype(np.float32)
    matrices = [rng.standard_normal((WIDTH if k else 10, WIDTH)).astype(np.float32) / 5 for k in range(layers)]
    nodes, y = [], x
    for k, matrix in enumerate(matrices):
        nodes.append(helper.make_node("MatMul", [f"y{k}", f"W{k}"], [f"z{k}"], name=f"layer {k}"))
        nodes.append(helper.make_node("Tanh", [f"z{k}"], [f"y{k + 1}"]))
        y = np.tanh(y @ matrix)
    ports = [helper.make_tensor_value_info(f"y{k}", 1, shape) for k, shape in ((0, x.shape), (layers, y.shape))]
    constants = [numpy_helper.from_array(matrix, f"W{k}") for k, matrix in enumerate(matrices)]
    graph = helper.make_graph(nodes, "chain", ports[:1], ports[1:], constants)
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    return lower_program(model, contract_of({"y0": x}, {f"y{layers}": y}), 1, 8, weights), x, y


def test_many_products_of_one_shape_share_a_function() -> None:
    """The network computes the same, and the kernel stands in it once for the shape and once for the other layer."""
    weights = Weights()
    one, x, expected = _chain(60, weights)
    shared = render.shared_products([one])
    assert len(shared) == 1
    text = render.functions("net", one, False, shared=shared)
    assert text.count("product_0(") == 59
    assert "'layer 59'" in text
    actual = run(library({"net": one}, weights, 8), "net", one, {"y0": x})[0]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


def test_few_products_have_copies() -> None:
    """A call costs a nanosecond, which a small network would feel."""
    one, _, _ = _chain(5, Weights())
    assert render.shared_products([one]) == {}
    assert "product_" not in render.functions("net", one, False)
