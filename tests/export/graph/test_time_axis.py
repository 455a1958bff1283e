"""Ports become time-major where transposes inside then vanish; onnxruntime computes both graphs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from onnx import parser
from onnx_ir.passes.common import ShapeInferencePass

from rnnedge_export.graph.axes import move_time_axis

Run = Callable[..., list[np.ndarray[Any, Any]]]

# Between a Transpose to time-major and one back: nodes from a to b, and what is left of the whole graph.
THROUGH = {
    "pointwise": ("b = HardSwish(a)", "HardSwish"),
    "of two kinds": ("c = Acos(a) d = Greater(a, c) b = Where(d, a, c)", "Acos Greater Where"),
    "a row": ("b = Mul(row, a)", "Mul"),
    "a constant of every axis": ("b = Add(a, block)", "Add"),
    "a matrix": ("b = MatMul(a, matrix)", "MatMul"),
    "layer normalization": ("b = LayerNormalization <axis = 2> (a, row)", "LayerNormalization"),
    "softmax": ("b = Softmax <axis = 1> (a)", "Softmax"),
    "reduction": ("b = ReduceMax(a, two)", "ReduceMax"),
    "split and concat": ("c, d = Split <axis = 2, num_outputs = 2> (a) b = Concat <axis = 2> (d, c)", "Split Concat"),
    "concat of a constant": ("c = Concat <axis = 0> (block, a) b = Slice(c, one, end, zero)", "Concat Slice"),
    "gather": ("b = Gather <axis = 2> (a, order)", "Gather"),
    "unit axes": ("c = Unsqueeze(a, one) d = Tanh(c) b = Squeeze(d, one)", "Tanh"),
    "a turn and back": ("c = Transpose <perm = [0, 2, 1]> (a) d = Neg(c) b = Transpose <perm = [0, 2, 1]> (d)", "Neg"),
}
# What cannot be followed: the Transpose stays in front of it, or behind.
STOPPED = {
    "an operator without a rule": "b = CumSum(a, where)",
    "a value of another order": "c = Reshape(a, turned) b = Add(a, c)",
}
CONSTANTS = (
    "float[4] row = {1,2,3,4}, float[1,3,4] block = {1,2,3,4,5,6,7,8,9,10,11,12}, int64[3] turned = {5, 3, 4}, "
    "float[4,4] matrix = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16}, int64 where = {0}, int64[4] order = {3,0,0,2}, "
    "int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] end = {100}"
)


def graph(nodes: str) -> ir.Model:
    """x and y are (batch, time, 4), for 3 sequences; the recurrence of a real network stands between a and b."""
    text = f"""<ir_version: 9, opset_import: ["" : 20]> g (float[3, 5, 4] x) => (float[3, 5, k] y) <{CONSTANTS}> {{
        a = Transpose <perm = [1, 0, 2]> (x) {nodes} y = Transpose <perm = [1, 0, 2]> (b)
    }}"""
    model = ir.from_proto(parser.parse_model(text))
    ShapeInferencePass()(model)
    return model


@pytest.mark.parametrize("name", THROUGH)
def test_transposes_vanish_through(name: str, run_onnx: Run) -> None:
    """Both ports are swapped, no operator is added, and the numbers are the same."""
    nodes, left = THROUGH[name]
    model, swapped = move_time_axis(graph(nodes), {"x": (0, 1), "y": (0, 1)})
    assert swapped == {"x", "y"}
    assert Counter(node.op_type for node in model.graph) == Counter(left.split())
    x = np.random.default_rng(0).uniform(-1, 1, (3, 5, 4)).astype(np.float32)
    (expected,) = run_onnx(graph(nodes), {"x": x})
    (actual,) = run_onnx(model, {"x": x.swapaxes(0, 1)})
    np.testing.assert_allclose(actual.swapaxes(0, 1), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", STOPPED)
def test_what_has_no_rule_is_computed_as_before(name: str, run_onnx: Run) -> None:
    """Where fewer nodes that move axes are left, ports are swapped; the numbers are the same in any case."""
    before = graph(STOPPED[name])
    model, swapped = move_time_axis(before, {"x": (0, 1), "y": (0, 1)})
    moving = [sum(n.op_type == "Transpose" for n in each.graph) for each in (model, graph(STOPPED[name]))]
    assert moving[0] < moving[1] if swapped else model is before
    x = np.random.default_rng(0).uniform(-1, 1, (3, 5, 4)).astype(np.float32)
    (expected,) = run_onnx(graph(STOPPED[name]), {"x": x})
    (actual,) = run_onnx(model, {"x": x.swapaxes(0, 1) if "x" in swapped else x})
    np.testing.assert_allclose(actual.swapaxes(0, 1) if "y" in swapped else actual, expected, rtol=0, atol=1e-5)


def test_ports_stay_where_nothing_is_saved() -> None:
    """A network that is batch-first throughout keeps its graph."""
    text = """<ir_version: 9, opset_import: ["" : 20]> g (float[3, 5, 4] x) => (float[3, 5, 4] y) { y = Neg(x) }"""
    model = ir.from_proto(parser.parse_model(text))
    same, swapped = move_time_axis(model, {"x": (0, 1), "y": (0, 1)})
    assert same is model
    assert not swapped
