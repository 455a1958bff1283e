"""A chunk that is padded at its end leaves the state after its last valid frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from in_one_test import in_one_test
from onnx import TensorProto, helper, numpy_helper, parser

from rnnedge_export.forms import lower
from rnnedge_runtime.errors import ModelRefused

Run = Callable[..., list[np.ndarray[Any, Any]]]
CHUNK = 5
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def native(kind: str, layers: int = 2, direction: str = "forward") -> ir.Model:
    """`layers` recurrences of 4 units in a row: x (5, batch, 3), states h0, h1, c0, c1 (1, batch, 4)."""
    rng = np.random.default_rng(0)
    letters = "hc" if kind == "LSTM" else "h"
    nodes, weights, states = [], [numpy_helper.from_array(np.array([1]), "one")], []
    x = "x"
    for layer in range(layers):
        shapes = {"W": (1, 4 * GATES[kind], 4 if layer else 3), "R": (1, 4 * GATES[kind], 4), "B": (1, 8 * GATES[kind])}
        for letter, shape in shapes.items():
            array = (0.5 * rng.standard_normal(shape)).astype(np.float32)
            weights.append(numpy_helper.from_array(array, f"{letter}{layer}"))
        own = [f"{letter}{layer}" for letter in letters]
        inputs = [x, f"W{layer}", f"R{layer}", f"B{layer}", "", *own]
        outputs = [f"Y{layer}", *(f"{name}_next" for name in own)]
        nodes.append(helper.make_node(kind, inputs, outputs, name=f"cell{layer}", hidden_size=4, direction=direction))
        x = f"y{layer}"
        nodes.append(helper.make_node("Squeeze", [f"Y{layer}", "one"], [x]))
        states += own

    def port(name: str, shape: list[int | str]) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        "chunk",
        [port("x", [CHUNK, "batch", 3]), *(port(name, [1, "batch", 4]) for name in states)],
        [port(x, [CHUNK, "batch", 4]), *(port(f"{name}_next", [1, "batch", 4]) for name in states)],
        weights,
    )
    return ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9))


SUMS = """
<ir_version: 9, opset_import: ["" : 20]>
sums (float[batch, 2] s, float[batch, 5, 2] x) => (float[batch, 2] s_next, float[batch, 5, 2] y) {
    s_next, y = Scan <num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [1], body = body
        (float[b, 2] before, float[b, 2] frame) => (float[b, 2] after, float[b, 2] twice)
        { after = Add(before, frame)  twice = Add(after, after) }> (s, x)
}
"""


def last_frame_of(model: ir.Model) -> ir.Value:
    """A new int64 scalar input "last"."""
    value = ir.Value(name="last", type=ir.TensorType(ir.DataType.INT64), shape=ir.Shape([]))
    model.graph.inputs.append(value)
    return value


def finals_of(model: ir.Model) -> dict[ir.Node, ir.Value]:
    """One new input that says for every recurrence which frame is the last."""
    last = last_frame_of(model)
    return {node: last for node in model.graph if node.op_type in (*GATES, "Scan")}


def feeds_of(model: ir.Model) -> dict[str, np.ndarray[Any, Any]]:
    """Random inputs for batch 2."""
    rng = np.random.default_rng(1)
    return {
        str(v.name): rng.standard_normal([d if isinstance(d, int) else 2 for d in v.shape or ()]).astype(np.float32)
        for v in model.graph.inputs
    }


@in_one_test("last", range(CHUNK))
@in_one_test("kind", GATES)
def test_states_are_those_after_the_last_valid_frame(kind: str, last: int, run_onnx: Run) -> None:
    """States equal those of the valid frames alone; per-frame output is that of the whole chunk, padding included."""
    whole, padded = native(kind), native(kind)
    feeds = feeds_of(whole)
    lower(padded, "unrolled", chunk=CHUNK, finals=finals_of(padded))
    y, *actual = run_onnx(padded, {**feeds, "last": np.array(last)})
    whole.graph.inputs[0].shape = ir.Shape([last + 1, "batch", 3])
    whole.graph.outputs[0].shape = None
    expected = run_onnx(whole, {**feeds, "x": feeds["x"][: last + 1]})[1:]
    np.testing.assert_allclose(y, run_onnx(native(kind), feeds)[0], rtol=0, atol=1e-6)
    for got, wanted in zip(actual, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)


def test_what_is_padded_does_not_matter(run_onnx: Run) -> None:
    """NaN in the padding reaches neither the states nor the valid frames."""
    model = native("GRU")
    feeds = feeds_of(model)
    lower(model, "unrolled", chunk=CHUNK, finals=finals_of(model))
    y, *actual = run_onnx(model, {**feeds, "last": np.array(2)})
    feeds["x"][3:] = np.nan
    y_nan, *actual_nan = run_onnx(model, {**feeds, "last": np.array(2)})
    np.testing.assert_array_equal(y_nan[:3], y[:3])
    for got, wanted in zip(actual_nan, actual, strict=True):
        np.testing.assert_array_equal(got, wanted)


@in_one_test("last", range(CHUNK))
def test_scan_states_too(last: int, run_onnx: Run) -> None:
    """The final state of an inlined Scan is the one after the last valid frame."""
    model = ir.from_proto(parser.parse_model(SUMS))
    feeds = feeds_of(model)
    lower(model, "unrolled", chunk=CHUNK, finals=finals_of(model))
    state, y = run_onnx(model, {**feeds, "last": np.array(last)})
    running = feeds["s"][:, None] + np.cumsum(feeds["x"], 1)
    np.testing.assert_allclose(state, running[:, last], rtol=0, atol=1e-6)
    np.testing.assert_allclose(y, 2 * running, rtol=0, atol=1e-6)


def test_a_reverse_recurrence_is_refused() -> None:
    """A padded chunk cannot be run from its end."""
    model = native("GRU", direction="reverse")
    with pytest.raises(ModelRefused, match="cell0: reverse direction in a padded chunk; expected forward"):
        lower(model, "unrolled", chunk=CHUNK, finals=finals_of(model))


def test_a_scan_that_goes_backwards_is_refused() -> None:
    """Iteration t of a Scan that runs backwards is not frame t."""
    text = SUMS.replace("num_scan_inputs = 1,", "num_scan_inputs = 1, scan_input_directions = [1],")
    model = ir.from_proto(parser.parse_model(text))
    with pytest.raises(ModelRefused, match="scanned backwards in a padded chunk"):
        lower(model, "unrolled", chunk=CHUNK, finals=finals_of(model))
