"""Each rule of the axis pass, its conditions, and what happens without a rule; onnxruntime computes both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from in_one_test import in_one_test
from onnx import parser

from rnnedge_export.graph.axes import _propagation as propagation
from rnnedge_export.graph.axes import remove_unit_axes
from rnnedge_export.graph.axes._fact import AxisFact
from rnnedge_export.graph.axes._site import Site
from rnnedge_runtime.errors import ModelRefused

Run = Callable[..., list[np.ndarray[Any, Any]]]


@dataclass(frozen=True)
class Case:
    """x and y are shapes; each loses an axis (None: keeps its shape); `left` are the operators that remain."""

    x: str
    x_axis: int
    y: str
    y_axis: int | None
    nodes: str
    left: str
    constants: str = ""

    def model(self) -> ir.Model:
        """The graph before the pass."""
        constants = f"<{self.constants}>" if self.constants else ""
        head = '<ir_version: 9, opset_import: ["" : 20]>'
        graph = f"g (float[{self.x}] x) => (float[{self.y}] y) {constants} {{ {self.nodes} }}"
        return ir.from_proto(parser.parse_model(f"{head} {graph}"))

    def dropped(self) -> ir.Model:
        """The graph after the pass."""
        model = self.model()
        remove_unit_axes(model, {"x": self.x_axis}, {} if self.y_axis is None else {"y": self.y_axis})
        return model


RULES = {
    "unary": Case("batch, 1, 4", 1, "batch, 1, 4", 1, "a = Tanh(x) y = Sigmoid(a)", "Tanh Sigmoid"),
    "clip": Case(
        "batch, 1, 4", 1, "batch, 1, 4", 1, "y = Clip(x, l, h)", "Clip", constants="float l = {-0.5}, float h = {0.5}"
    ),
    "cast": Case("batch, 1, 4", 1, "batch, 1, 4", 1, "a = Cast <to = 11> (x) y = Cast <to = 1> (a)", "Cast Cast"),
    "row": Case("batch, 1, 4", 1, "batch, 1, 4", 1, "y = Mul(x, k)", "Mul", constants="float[4] k = {1, 2, 3, 4}"),
    "column of one": Case(
        "batch, 1, 4", 1, "batch, 1, 4", 1, "y = Add(k, x)", "Add", constants="float[1, 1, 4] k = {1, 2, 3, 4}"
    ),
    "scalar": Case("batch, 1, 4", 1, "batch, 1, 4", 1, "y = Sub(k, x)", "Sub", constants="float k = {2}"),
    "residual": Case("batch, 1, 4", 1, "batch, 1, 4", 1, "a = Relu(x) y = Add(x, a)", "Relu Add"),
    "where": Case(
        "batch, 1, 4",
        1,
        "batch, 1, 4",
        1,
        "a = Greater(x, k) b = Neg(x) y = Where(a, x, b)",
        "Greater Neg Where",
        constants="float k = {0}",
    ),
    "fewer axes": Case(
        "1, batch, 4", 0, "1, batch, 4", 0, "a = Squeeze(x, o) y = Mul(x, a)", "Mul", constants="int64[1] o = {0}"
    ),
    "matmul": Case(
        "batch, 1, 2", 1, "batch, 1, 3", 1, "y = MatMul(x, w)", "MatMul", constants="float[2, 3] w = {1,2,3,4,5,6}"
    ),
    "gemm": Case(
        "batch, 1, 2",
        1,
        "batch, 1, 3",
        1,
        "a = MatMul(x, w) y = Add(b, a)",
        "Gemm",
        constants="float[2, 3] w = {1,2,3,4,5,6}, float[3] b = {1,2,3}",
    ),
    "stacks": Case(
        "batch, 1, 3, 3",
        1,
        "batch, 1, 3, 3",
        1,
        "a = Transpose <perm = [0, 1, 3, 2]> (x) y = MatMul(x, a)",
        "Transpose MatMul",
    ),
    "layer norm": Case(
        "batch, 1, 4",
        1,
        "batch, 1, 4",
        1,
        "y = LayerNormalization <axis = 2> (x, g, b)",
        "LayerNormalization",
        constants="float[4] g = {1,2,3,4}, float[4] b = {4,3,2,1}",
    ),
    "batch norm": Case(
        "batch, 2, 1",
        2,
        "batch, 2, 1",
        2,
        "y = BatchNormalization(x, g, b, m, v)",
        "BatchNormalization",
        constants="float[2] g = {1,2}, float[2] b = {4,3}, float[2] m = {0,1}, float[2] v = {1,2}",
    ),
    "softmax": Case("batch, 1, 4", 1, "batch, 1, 4", 1, "y = Softmax <axis = 2> (x)", "Softmax"),
    "argmax": Case(
        "batch, 1, 4", 1, "batch, 1", 1, "a = ArgMax <axis = -1, keepdims = 0> (x) y = Cast <to = 1> (a)", "ArgMax Cast"
    ),
    "reduce": Case(
        "batch, 1, 4, 3",
        1,
        "batch, 1, 3",
        1,
        "y = ReduceMean <keepdims = 0> (x, o)",
        "ReduceMean",
        constants="int64[1] o = {2}",
    ),
    "reduce kept": Case(
        "4, batch, 1", 2, "1, batch, 1", 2, "y = ReduceMax(x, o)", "ReduceMax", constants="int64[1] o = {0}"
    ),
    "transpose away": Case("batch, 1, 4", 1, "1, batch, 4", 0, "y = Transpose <perm = [1, 0, 2]> (x)", "Identity"),
    "transpose shrinks": Case("batch, 1, 4", 1, "4, 1, batch", 1, "y = Transpose (x)", "Transpose"),
    "squeeze": Case(
        "batch, 1, 4", 1, "batch, 4", None, "a = Squeeze(x, o) y = Neg(a)", "Neg", constants="int64[1] o = {-2}"
    ),
    "squeeze another": Case(
        "1, batch, 1, 4", 2, "batch, 1, 4", 1, "y = Squeeze(x, o)", "Squeeze", constants="int64[1] o = {0}"
    ),
    "unsqueeze": Case(
        "batch, 1, 4",
        1,
        "batch, 1, 4",
        1,
        "a = Unsqueeze(x, o) b = Neg(a) y = Squeeze(b, o)",
        "Neg",
        constants="int64[2] o = {0, -1}",
    ),
    "concat": Case("batch, 1, 4", 1, "batch, 1, 8", 1, "a = Neg(x) y = Concat <axis = -1> (x, a)", "Neg Concat"),
    "split": Case(
        "batch, 1, 4", 1, "batch, 1, 2", 1, "a, b = Split <axis = 2, num_outputs = 2> (x) y = Mul(a, b)", "Split Mul"
    ),
    "slice": Case(
        "batch, 1, 4",
        1,
        "batch, 1, 2",
        1,
        "y = Slice(x, s, e, o)",
        "Slice",
        constants="int64[1] s = {1}, int64[1] e = {3}, int64[1] o = {2}",
    ),
    "slice of one": Case(
        "batch, 1, 4",
        1,
        "batch, 1, 4",
        1,
        "a = Slice(x, s, e, o) y = Neg(a)",
        "Neg",
        constants="int64[1] s = {-1}, int64[1] e = {9223372036854775807}, int64[1] o = {1}",
    ),
    "slice both": Case(
        "batch, 1, 4",
        1,
        "batch, 1, 2",
        1,
        "y = Slice(x, s, e, o, d)",
        "Slice",
        constants="int64[2] s = {0, 3}, int64[2] e = {1, -5}, int64[2] o = {1, 2}, int64[2] d = {1, -2}",
    ),
    "gather": Case(
        "batch, 4, 1",
        2,
        "batch, 2, 2, 1",
        3,
        "y = Gather <axis = 1> (x, i)",
        "Gather",
        constants="int64[2, 2] i = {3, 0, 1, 1}",
    ),
    "gather the frame": Case(
        "batch, 1, 4", 1, "batch, 4", None, "a = Gather <axis = 1> (x, i) y = Neg(a)", "Neg", constants="int64 i = {-1}"
    ),
    "embedding": Case(
        "batch, 1",
        1,
        "batch, 1, 2",
        1,
        "a = Abs(x) b = Cast <to = 7> (a) c = Clip(b, , m) y = Gather(t, c)",
        "Abs Cast Clip Gather",
        constants="float[3, 2] t = {1,2,3,4,5,6}, int64 m = {2}",
    ),
    "reshape": Case(
        "batch, 1, 4", 1, "batch, 2, 1, 2", 2, "y = Reshape(x, s)", "Reshape", constants="int64[4] s = {-1, 2, 1, 2}"
    ),
    "reshape to itself": Case(
        "1, batch, 1, 4",
        2,
        "1, batch, 4",
        None,
        "a = Neg(x) b = Reshape(a, s) y = Relu(b)",
        "Neg Reshape Relu Unsqueeze",
        constants="int64[3] s = {1, -1, 4}",
    ),
    "reshape copies": Case(
        "batch, 1, 4", 1, "batch, 1, 2, 2", 1, "y = Reshape(x, s)", "Reshape", constants="int64[4] s = {0, 0, 2, -1}"
    ),
    "reshape moves": Case(
        "batch, 1, 4", 1, "batch, 4", None, "a = Reshape(x, s) y = Neg(a)", "Neg", constants="int64[2] s = {0, 4}"
    ),
    "flatten": Case("batch, 1, 4", 1, "batch, 4", None, "a = Flatten(x) y = Neg(a)", "Neg"),
    "shape": Case(
        "batch, 1, 4",
        1,
        "batch, 1, 4",
        1,
        "n = Shape <start = 0, end = 1> (x) s = Concat <axis = 0> (n, four) "
        "k = ConstantOfShape <value = float[1] {2.0}> (s) "
        "o = Constant <value_ints = [1]> () u = Unsqueeze(k, o) y = Mul(x, u)",
        "Shape Concat ConstantOfShape Mul",
        constants="int64[1] four = {4}",
    ),
}

# Where there is no rule, what stands for the axis is written out, and the result is right all the same.
NO_RULE = {
    "operator without a rule": Case(
        "batch, 1, 4", 1, "batch, 1, 4", 1, "y = CumSum(x, o)", "Unsqueeze CumSum Squeeze", constants="int64 o = {2}"
    ),
    "softmax along the axis": Case(
        "batch, 1, 4", 1, "batch, 1, 4", 1, "y = Softmax <axis = 1> (x)", "Unsqueeze Softmax Squeeze"
    ),
    "operand of another size": Case(
        "batch, 1, 4", 1, "batch, 3, 4", None, "y = Mul(x, k)", "Unsqueeze Mul", constants="float[3, 1] k = {1, 2, 3}"
    ),
    "joined along the axis": Case(
        "batch, 1, 4", 1, "batch, 2, 4", None, "y = Concat <axis = 1> (x, x)", "Unsqueeze Concat"
    ),
    "reduced": Case(
        "batch, 1, 4",
        1,
        "batch, 4",
        None,
        "y = ReduceSum <keepdims = 0> (x, o)",
        "Unsqueeze ReduceSum",
        constants="int64[1] o = {1}",
    ),
    "contracted": Case(
        "batch, 4, 1",
        2,
        "batch, 4, 3",
        None,
        "y = MatMul(x, w)",
        "Unsqueeze MatMul",
        constants="float[1, 3] w = {1, 2, 3}",
    ),
    "normalized": Case(
        "batch, 1, 4",
        1,
        "batch, 1, 4",
        1,
        "y = LayerNormalization <axis = 1> (x, g)",
        "Unsqueeze LayerNormalization Squeeze",
        constants="float[1, 4] g = {1,2,3,4}",
    ),
    "gathered twice": Case(
        "batch, 1, 4",
        1,
        "batch, 2, 4",
        None,
        "y = Gather <axis = 1> (x, i)",
        "Unsqueeze Gather",
        constants="int64[2] i = {0, 0}",
    ),
    "subgraph": Case(
        "batch, 1, 4",
        1,
        "batch, 1, 4",
        1,
        "y = If <then_branch = t () => (float[b, 1, 4] p) { p = Neg(x) }, "
        "else_branch = e () => (float[b, 1, 4] q) { q = Abs(x) }> (c)",
        "Unsqueeze If Neg Abs Squeeze",
        constants="bool c = {1}",
    ),
    "some readers only": Case(
        "batch, 1, 4",
        1,
        "batch, 1, 4",
        1,
        "a = CumSum(x, o) b = Neg(x) c = Add(a, b) y = Relu(c)",
        "Unsqueeze CumSum Neg Unsqueeze Add Relu Squeeze",
        constants="int64 o = {2}",
    ),
}


def arrays(case: Case, run_onnx: Run, model: ir.Model) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Give y of `model`, which lacks the axes, and y of the original without its axis."""
    rng = np.random.default_rng(0)
    shape = [d if isinstance(d, int) else 3 for d in case.model().graph.inputs[0].shape or ()]
    x = rng.standard_normal(shape).astype(np.float32)
    (expected,) = run_onnx(case.model(), {"x": x})
    (actual,) = run_onnx(model, {"x": np.squeeze(x, case.x_axis)})
    return actual, expected if case.y_axis is None else np.squeeze(expected, case.y_axis)


@in_one_test("name", [*RULES, *NO_RULE])
def test_the_result_stays(name: str, run_onnx: Run) -> None:
    """With a rule or without, the graph computes the same, its axes left out."""
    case = {**RULES, **NO_RULE}[name]
    actual, expected = arrays(case, run_onnx, case.dropped())
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


@in_one_test("name", [*RULES, *NO_RULE])
def test_the_operators_left(name: str) -> None:
    """A rule leaves no Unsqueeze; without a rule there is one in front of the operator."""
    case = {**RULES, **NO_RULE}[name]
    actual = Counter(node.op_type for node in case.dropped().graph.all_nodes())
    assert actual == Counter(case.left.split())


def test_every_rule_is_tried() -> None:
    """Every operator that has a rule of its own stands in a case above."""
    shared = Counter(rule.__name__ for rule in propagation.RULES.values())
    tried = {node.op_type for case in RULES.values() for node in case.model().graph}
    assert {propagation.RULES[op].__name__ for op in tried if op in propagation.RULES} == set(shared)


def test_a_wrong_rule_is_noticed(monkeypatch: pytest.MonkeyPatch, run_onnx: Run) -> None:
    """A Softmax whose axis is not moved with the others computes something else, and the comparison tells."""

    def unmoved(site: Site) -> list[AxisFact] | None:
        fact = site.inputs[0]
        assert fact is not None
        return site.succeed([fact.base], fact.order, axis=0)

    monkeypatch.setitem(propagation.RULES, "Softmax", unmoved)
    case = RULES["softmax"]
    actual, expected = arrays(case, run_onnx, case.dropped())
    assert np.abs(actual - expected).max() > 0.01


def test_an_empty_signature_change_cancels_pairs(run_onnx: Run) -> None:
    """With nothing to drop, Unsqueeze and Squeeze inside the graph still cancel, and the signature stays."""
    case = Case(
        "batch, 4", 0, "batch, 4", None, "a = Unsqueeze(x, o) b = Neg(a) y = Squeeze(b, o)", "", "int64[1] o = {1}"
    )
    model = case.model()
    remove_unit_axes(model, {}, {})
    assert [node.op_type for node in model.graph] == ["Neg"]
    x = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(run_onnx(model, {"x": x})[0], -x)


def test_an_output_that_is_an_input_stays_a_copy(run_onnx: Run) -> None:
    """Outputs that are views of an input, and of each other, keep their names."""
    text = """<ir_version: 9, opset_import: ["" : 20]>
    g (float[batch, 1, 4] x) => (float[1, batch, 4] y, float[batch, 1, 4] z, float[batch, 1, 4] w) {
        y = Transpose <perm = [1, 0, 2]> (x)  z = Neg(x)  w = Identity(z)
    }"""
    model = ir.from_proto(parser.parse_model(text))
    remove_unit_axes(model, {"x": 1}, {"y": 0, "z": 1, "w": 1})
    assert [value.name for value in model.graph.outputs] == ["y", "z", "w"]
    x = np.ones((2, 4), np.float32)
    for actual, expected in zip(run_onnx(model, {"x": x}), (x, -x, -x), strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ({"q": 1}, {}, r"graph input 'q': expected one of x"),
        ({"x": 2}, {}, r"graph input 'x' of shape \[batch,1,4\]: expected size 1 on axis 2"),
        ({"x": 0}, {}, r"graph input 'x' of shape \[batch,1,4\]: expected size 1 on axis 0"),
        ({"x": 1}, {"y": 3}, r"graph output 'y' of shape \[batch,1,4\]: expected size 1 on axis 3"),
    ],
)
def test_an_axis_that_is_not_of_size_one_is_refused(
    inputs: dict[str, int], outputs: dict[str, int], message: str
) -> None:
    """Names and axes are checked before anything is changed."""
    case = RULES["unary"]
    model = case.model()
    with pytest.raises(ModelRefused, match=message):
        remove_unit_axes(model, inputs, outputs)
    assert [str(v.shape) for v in model.graph.inputs] == [str(v.shape) for v in case.model().graph.inputs]
