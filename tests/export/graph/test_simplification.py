"""What the compiler drops changes nothing: a constant is zero or one exactly, or it stays."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import pytest

from rnnedge_export.graph.simplification import simplify
from rnnedge_runtime.engines.onnx_runtime import onnxruntime as ort

# A body over x: float[2, 5], and frames on which a near match would show.
ONES, SMALL, ZEROS = np.ones((2, 5), np.float32), np.full((2, 5), 1e-6, np.float32), np.zeros((2, 5), np.float32)
STAIRS = np.arange(10, dtype=np.float32).reshape(2, 5) - 4
KEPT = {
    "an epsilon added": ("c = Constant<value_float = 1e-10>() y = Add(x, c)", ZEROS),
    "an epsilon in front": ("c = Constant<value_float = 9e-9>() y = Add(c, x)", ZEROS),
    "an epsilon taken away": ("c = Constant<value_float = 1e-9>() y = Sub(x, c)", ZEROS),
    "a factor near one": ("c = Constant<value_float = 1.000009>() y = Mul(x, c)", ONES),
    "a divisor near one": ("c = Constant<value_float = 0.999992>() y = Div(x, c)", ONES),
    "an epsilon of a logarithm": ("c = Constant<value_float = 1e-10>() s = Add(x, c) y = Log(s)", ZEROS),
    "crossed limits": (
        "a = Constant<value_float = 1.0>() b = Constant<value_float = -1.0>() s = Max(x, a) y = Min(s, b)",
        STAIRS,
    ),
    "crossed limits the other way round": (
        "a = Constant<value_float = 1.0>() b = Constant<value_float = -1.0>() s = Min(x, b) y = Max(s, a)",
        STAIRS,
    ),
    "two limits of one value": (
        "a = Constant<value_float = -1.0>() b = Constant<value_float = 1.0>() c = Constant<value_float = -2.0>()"
        "d = Constant<value_float = 3.0>() p = Max(x, a) q = Min(p, b) r = Max(x, c) s = Min(r, d) y = Add(q, s)",
        STAIRS,
    ),
    "limits that do not meet": (
        "a = Constant<value_float = 0.0>() b = Constant<value_float = 1.0>() c = Constant<value_float = 2.0>()"
        "d = Constant<value_float = 3.0>() s = Clip(x, a, b) y = Clip(s, c, d)",
        STAIRS,
    ),
    "a negative limit in front of Relu": (
        "a = Constant<value_float = -3.0>() b = Constant<value_float = -1.0>() s = Clip(x, a, b) y = Relu(s)",
        STAIRS,
    ),
    "an odd half and the rest": (
        "a = Constant<value_ints = [0]>() b = Constant<value_ints = [2]>() c = Constant<value_ints = [5]>()"
        "d = Constant<value_ints = [-1]>() s = Slice(x, a, b, d) t = Slice(x, b, c, d)"
        "m = ReduceSum<keepdims = 1>(s, d) y = Add(t, m)",
        STAIRS,
    ),
}
DROPPED = {
    "zero added": "c = Constant<value_float = 0.0>() s = Add(x, c) y = Neg(s)",
    "zero in front": "c = Constant<value_float = 0.0>() s = Add(c, x) y = Neg(s)",
    "zero taken away": "c = Constant<value_float = 0.0>() s = Sub(x, c) y = Neg(s)",
    "times one": "c = Constant<value_float = 1.0>() s = Mul(x, c) y = Neg(s)",
    "a limit on both sides": (
        "a = Constant<value_float = -1.0>() b = Constant<value_float = 1.0>() r = Max(x, a) s = Min(r, b) y = Neg(s)"
    ),
    "a limit on both sides, the upper one first": (
        "a = Constant<value_float = -1.0>() b = Constant<value_float = 1.0>() r = Min(x, b) s = Max(r, a) y = Neg(s)"
    ),
    "over one": "c = Constant<value_float = 1.0>() s = Div(x, c) y = Neg(s)",
}


def _model_of(body: str) -> onnx.ModelProto:
    text = f'<ir_version: 8, opset_import: ["" : 18]> g (float[2, 5] x) => (float[2, n] y) {{ {body} }}'
    return onnx.parser.parse_model(text)


def _run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(
        None, {"x": x}
    )[0]


def _simplified(body: str) -> ir.Model:
    model = ir.from_proto(_model_of(body))
    simplify(model)
    return model


@pytest.mark.parametrize(("body", "x"), KEPT.values(), ids=KEPT)
def test_what_changes_a_value_stays(body: str, x: np.ndarray) -> None:
    """Bit for bit: the file without and with simplification, on onnxruntime without its own optimizer."""
    np.testing.assert_array_equal(_run(ir.to_proto(_simplified(body)), x), _run(_model_of(body), x))


@pytest.mark.parametrize("name", DROPPED)
def test_what_changes_nothing_is_dropped(name: str) -> None:
    """One node is left; of two limits in a row, one and that."""
    limits = ["Clip"] * ("limit" in name)
    assert [node.op_type for node in _simplified(DROPPED[name]).graph] == [*limits, "Neg"]
