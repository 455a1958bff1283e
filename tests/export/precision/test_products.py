"""Integer products, each against its equation in numpy."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx_ir as ir
import pytest
from in_one_test import in_one_test

from rnnedge_export.precision.apply import Plan, narrow
from rnnedge_export.precision.grids import per_block, per_column, per_tensor
from rnnedge_runtime.contract import State
from rnnedge_runtime.engines.onnx_runtime import onnxruntime
from rnnedge_runtime.errors import ModelRefused

ROWS = 3


def graph(w: np.ndarray, *, bounded: bool, bias: bool) -> ir.Model:
    """y = f(x) @ w + b, where f is tanh if bounded."""
    x = ir.Value(name="x", shape=ir.Shape([ROWS, len(w)]), type=ir.TensorType(ir.DataType.FLOAT))
    nodes, left = [], x
    if bounded:
        tanh = ir.Node("", "Tanh", [x], num_outputs=1)
        nodes.append(tanh)
        left = tanh.outputs[0]
        left.name, left.shape, left.type = "t", x.shape, x.type
    weight = ir.Value(name="head.weight", const_value=ir.tensor(w, name="head.weight"))
    weight.shape, weight.type = ir.Shape(w.shape), ir.TensorType(ir.DataType.FLOAT)
    inputs = [left, weight]
    constants = [weight]
    if bias:
        b = np.linspace(-1, 1, w.shape[1], dtype=np.float32)
        constants.append(ir.Value(name="head.bias", const_value=ir.tensor(b, name="head.bias")))
        constants[-1].shape, constants[-1].type = ir.Shape(b.shape), ir.TensorType(ir.DataType.FLOAT)
        inputs.append(constants[-1])
    node = ir.Node("", "Gemm" if bias else "MatMul", inputs, num_outputs=1)
    node.outputs[0].name = "y"
    node.outputs[0].shape, node.outputs[0].type = ir.Shape([ROWS, w.shape[1]]), ir.TensorType(ir.DataType.FLOAT)
    nodes.append(node)
    made = ir.Graph([x], node.outputs, nodes=nodes, initializers=constants, opset_imports={"": 20}, name="g")
    return ir.Model(made, ir_version=10)


def run(model: ir.Model, x: np.ndarray) -> np.ndarray:
    """The graph in onnxruntime."""
    data = ir.to_proto(model).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"x": x})[0]
    return found


def operators(model: ir.Model) -> list[str]:
    """What the graph is made of."""
    return [node.op_type for node in model.graph]


def rounded(x: np.ndarray) -> np.ndarray:
    """x in [-1, 1] on the grid of uint8."""
    scale = np.float32(2.0 / 255)
    zero = np.rint(np.float32(1.0) / scale)
    return (np.clip(np.rint(x / scale) + zero, 0, 255) - zero) * scale


@in_one_test("bias", [False, True])
@in_one_test("shape", [(40, 24), (256, 512), (7, 5)])
def test_a_bounded_product_is_exact_on_its_grids(shape: tuple[int, int], bias: bool) -> None:
    """What comes out is the product of the rounded sides in real numbers, within float32."""
    rng = np.random.default_rng(0)
    w = rng.uniform(-1, 1, shape).astype(np.float32)
    w[0] = 1.0
    model = graph(w, bounded=True, bias=bias)
    assert narrow(model, (), Plan("int8"))[0].how == "1 x int8"
    assert "MatMulIntegerToFloat" in operators(model)
    x = rng.standard_normal((ROWS, shape[0])).astype(np.float32)
    expected = rounded(np.tanh(x)).astype(np.float64) @ per_tensor(w).widened()
    if bias:
        expected += np.linspace(-1, 1, shape[1], dtype=np.float32)
    np.testing.assert_allclose(run(model, x), expected, rtol=0, atol=2e-4 * np.abs(expected).max())


def test_the_largest_sums_do_not_saturate() -> None:
    """Every weight and every input at the end of its grid: where 16-bit sums overflow, the error would be enormous."""
    w = np.ones((64, 16), np.float32)
    model = graph(w, bounded=True, bias=False)
    narrow(model, (), Plan("int8"))
    found = run(model, np.full((ROWS, 64), 30.0, np.float32))
    np.testing.assert_allclose(found, 64.0, rtol=5e-3)


def test_columns_get_scales_of_their_own_where_that_pays() -> None:
    """A matrix whose columns differ a thousandfold keeps its small column."""
    w = np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32)
    w[:, 0] *= 200
    model = graph(w, bounded=True, bias=False)
    changes = narrow(model, (), Plan("int8"))
    assert changes[0].how == "1 x int8 per column"
    x = np.random.default_rng(1).standard_normal((ROWS, 64)).astype(np.float32)
    expected = rounded(np.tanh(x)).astype(np.float64) @ per_column(w).widened()
    np.testing.assert_allclose(run(model, x), expected, rtol=0, atol=2e-3)


@pytest.mark.parametrize(("precision", "bits", "step"), [("int8", 8, 1 / 127), ("int4", 4, 1 / 127)])
def test_an_unbounded_product_rounds_each_row_by_itself(precision: str, bits: int, step: float) -> None:
    """Rows of very different size lose the same share of their own size: none sets the scale of another."""
    rng = np.random.default_rng(0)
    w = rng.standard_normal((300, 512)).astype(np.float32)
    model = graph(w, bounded=False, bias=True)
    narrow(model, (), Plan(precision))
    assert "MatMulNBits" in operators(model)
    x = rng.standard_normal((ROWS, 300)).astype(np.float32) * np.array([[1e-3], [1.0], [1e3]], np.float32)
    bias = np.linspace(-1, 1, 512, dtype=np.float32)
    expected = x.astype(np.float64) @ per_block(w, bits).widened()
    error = np.abs(run(model, x) - bias - expected).max(axis=1)
    size = np.abs(x).max(axis=1) * np.sqrt(300)
    assert (error <= 4 * step * size + 1e-6).all()
    alone = run(model, np.repeat(x[:1], ROWS, axis=0))
    np.testing.assert_allclose(alone[0], run(model, x)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_the_largest_numbers_give_finite_ones(precision: str) -> None:
    """Products that float32 can hold are no NaN, and none of ordinary numbers is changed by what sees to that."""
    w = np.random.default_rng(0).standard_normal((300, 512)).astype(np.float32) / 300
    model = graph(w, bounded=False, bias=False)
    narrow(model, (), Plan(precision))
    assert operators(model).count("Clip") == 1
    x = np.random.default_rng(1).standard_normal((ROWS, 300)).astype(np.float32)
    ordinary = run(model, x)
    for most in (1e20, 1e30, 1e37, float(np.finfo(np.float32).max)):
        huge = np.sign(x) * np.float32(most)
        found = run(model, huge)
        expected = (
            np.clip(huge.astype(np.float64), -1e30, 1e30) @ per_block(w, 8 if precision == "int8" else 4).widened()
        )
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())
    for node in list(model.graph):
        if node.op_type == "Clip":
            node.outputs[0].replace_all_uses_with(node.inputs[0])
            model.graph.remove(node)
    np.testing.assert_array_equal(run(model, x), ordinary)
    assert np.isnan(run(model, huge)).any()


def test_what_is_proven_small_is_not_clipped() -> None:
    """A bounded left side pays nothing."""
    model = graph(np.ones((300, 512), np.float32), bounded=True, bias=False)
    narrow(model, (), Plan("int4"))
    assert operators(model) == ["Tanh", "MatMulNBits"]


def test_few_weights_with_an_unbounded_left_side_are_computed_in_float32() -> None:
    """Raw features are not rounded: the weights are narrow in the file only."""
    w = np.random.default_rng(0).standard_normal((40, 24)).astype(np.float32)
    model = graph(w, bounded=False, bias=True)
    changes = narrow(model, (), Plan("int8"))
    assert changes[0].how == "1 x int8 in the file"
    assert "Gemm" in operators(model)
    x = np.random.default_rng(1).standard_normal((ROWS, 40)).astype(np.float32) * 1000
    scale = np.abs(w).max(axis=0) / 127
    expected = x @ (np.rint(w / scale) * scale) + np.linspace(-1, 1, 24)
    np.testing.assert_allclose(run(model, x), expected, rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize(
    ("precision", "dtype", "beyond"), [("float16", np.float16, 1e5), ("bf16", ml_dtypes.bfloat16, 3.4e38)]
)
def test_sixteen_bits_keep_what_they_cannot_hold(precision: str, dtype: type, beyond: float) -> None:
    """A weight beyond the largest number stays float32; others are rounded to the nearest."""
    w = np.random.default_rng(0).standard_normal((40, 24)).astype(np.float32)
    small = graph(w, bounded=False, bias=False)
    assert narrow(small, (), Plan(precision))[0].how == f"1 x {precision}"
    x = np.random.default_rng(1).standard_normal((ROWS, 40)).astype(np.float32)
    np.testing.assert_allclose(run(small, x), x @ w.astype(dtype).astype(np.float32), rtol=0, atol=1e-5)
    w[0, 0] = beyond
    large = graph(w, bounded=False, bias=False)
    assert "too large" in narrow(large, (), Plan(precision))[0].how
    x[:, 0] = 0
    np.testing.assert_allclose(run(large, x), x @ w, rtol=1e-5, atol=1e-5)


def test_a_state_that_grows_is_not_taken_for_bounded() -> None:
    """A sum carried from call to call has no range, though its first value has one."""
    w = np.random.default_rng(0).standard_normal((40, 24)).astype(np.float32)
    model = graph(w, bounded=True, bias=False)
    before = ir.Value(name="sum", shape=ir.Shape([ROWS, 40]), type=ir.TensorType(ir.DataType.FLOAT))
    tanh, product = model.graph[0], model.graph[1]
    add = ir.Node("", "Add", [before, tanh.outputs[0]], num_outputs=1)
    add.outputs[0].name, add.outputs[0].shape = "sum_next", before.shape
    add.outputs[0].type = before.type
    model.graph.inputs.append(before)
    model.graph.insert_before(product, add)
    model.graph.outputs.append(add.outputs[0])
    product.replace_input_with(0, add.outputs[0])
    changes = narrow(model, [State("sum", "sum_next", "float32", (ROWS, 40), 0)], Plan("int8"))
    assert changes[0].how == "1 x int8 in the file"


def test_a_mask_is_no_weight() -> None:
    """A constant with -infinity, as attention leaves frames out by, stays as it is."""
    mask = np.where(np.tri(8, 8, dtype=bool), 0.0, -np.inf).astype(np.float32)
    with pytest.raises(ModelRefused, match="expected weights to store in fewer bits, found none"):
        narrow(graph(mask, bounded=False, bias=False), (), Plan("int8"))
