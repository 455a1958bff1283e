"""Scan nodes, as hand-written cells are captured, against the same body written once for each frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from in_one_test import in_one_test
from onnx import parser

from rnnedge_export.forms import lower

Run = Callable[..., list[np.ndarray[Any, Any]]]
HEAD = '<ir_version: 9, opset_import: ["" : 20]>\n'

PLAIN = """
g (float[batch, 2] s, float[T, batch, 2] x) => (float[batch, 2] s_next, float[T, batch, 2] y) {
    s_next, y = Scan <num_scan_inputs = 1, body = body
        (float[b, 2] before, float[b, 2] frame) => (float[b, 2] after, float[b, 2] out)
        { half = Constant <value = float {0.5}> ()
          kept = Mul(before, half)  after = Add(kept, frame)  out = Tanh(after) }> (s, x)
}"""
OTHER_AXES = """
g (float[2, batch] s, float[2, T, batch] x, float[batch, 2, T] z) =>
  (float[2, batch] s_next, float[2, batch, T] y, float[2, T, batch] w) {
    s_next, y, w = Scan <num_scan_inputs = 2, scan_input_axes = [1, -1], scan_input_directions = [0, 1],
                         scan_output_axes = [-1, 1], scan_output_directions = [1, 0], body = body
        (float[2, b] before, float[2, b] frame, float[b, 2] turned) =>
        (float[2, b] after, float[2, b] out, float[2, b] sum)
        { t = Transpose <perm = [1, 0]> (turned)
          sum = Add(frame, t)  prod = Mul(before, t)  after = Sub(sum, prod)  out = Sigmoid(after) }> (s, x, z)
}"""
PASSES_THROUGH = """
g (float[batch, 2] s, float[batch, 2] k, float[T, batch, 2] x) =>
  (float[batch, 2] s_next, float[batch, 2] k_next, float[T, batch, 2] y) {
    s_next, k_next, y = Scan <num_scan_inputs = 1, body = body
        (float[b, 2] before, float[b, 2] same, float[b, 2] frame) =>
        (float[b, 2] after, float[b, 2] same, float[b, 2] frame)
        { after = Add(before, same) }> (s, k, x)
}"""
RETURNS_CONSTANTS = """
g (float[batch, 2] s, float[T, batch, 2] x) => (float[batch, 2] s_next, float[T, 2] y, float[T] z) {
    s_next, y, z = Scan <num_scan_inputs = 1, body = body
        (float[b, 2] before, float[b, 2] frame) => (float[b, 2] after, float[2] fixed, float other)
        <float[2] fixed = {0.25, -0.5}>
        { after = Add(frame, fixed)  other = Constant <value = float {3.0}> () }> (s, x)
}"""
OUTER_VALUES = """
g (float[batch, 2] s, float[T, batch, 2] x, float[2, 2] w) => (float[batch, 2] s_next, float[T, batch, 2] y)
<float[2] bias = {0.25, -0.5}> {
    scaled = Mul(w, w)
    s_next, y = Scan <num_scan_inputs = 1, body = body
        (float[b, 2] before, float[b, 2] frame) => (float[b, 2] after, float[b, 2] out)
        { mixed = MatMul(before, scaled)  moved = Add(mixed, bias)
          after = Add(moved, frame)  out = Tanh(moved) }> (s, x)
    later = Identity(s_next)
}"""
NESTED = """
g (float[batch, 2] s, float[T, batch, 2, 3] x) => (float[batch, 2] s_next, float[T, batch, 2] y) {
    s_next, y = Scan <num_scan_inputs = 1, body = body
        (float[b, 2] before, float[b, 2, 3] frame) => (float[b, 2] after, float[b, 2] out)
        { inner, dropped = Scan <num_scan_inputs = 1, scan_input_axes = [2], body = deep
            (float[c, 2] low, float[c, 2] bin) => (float[c, 2] high, float[c, 2] copy)
            { both = Add(low, bin)  high = Tanh(both)  copy = Identity(high) }> (before, frame)
          after = Identity(inner)  out = Neg(inner) }> (s, x)
}"""
TWO = """
g (float[batch, 2] s, float[batch, 2] u, float[T, batch, 2] x) =>
  (float[batch, 2] s_next, float[batch, 2] u_next, float[T, batch, 2] y) {
    s_next, mid = Scan <num_scan_inputs = 1, body = one
        (float[b, 2] before, float[b, 2] frame) => (float[b, 2] after, float[b, 2] out)
        { after = Add(before, frame)  out = Tanh(after) }> (s, x)
    u_next, y = Scan <num_scan_inputs = 1, body = two
        (float[b, 2] before, float[b, 2] frame) => (float[b, 2] after, float[b, 2] out)
        { after = Sub(before, frame)  out = Sigmoid(after) }> (u, mid)
}"""
GRAPHS = {
    "plain": PLAIN,
    "other_axes": OTHER_AXES,
    "returns_constants": RETURNS_CONSTANTS,
    "outer_values": OUTER_VALUES,
    "nested": NESTED,
    "two": TWO,
}


def model(text: str, time: int | str) -> ir.Model:
    """The graph with T frames."""
    return ir.from_proto(parser.parse_model(HEAD + text.strip().replace("T,", f"{time},").replace("T]", f"{time}]")))


def feeds(graph: ir.Graph, batch: int) -> dict[str, np.ndarray[Any, Any]]:
    """Random inputs."""
    rng = np.random.default_rng(0)
    return {
        str(v.name): rng.standard_normal([d if isinstance(d, int) else batch for d in v.shape or ()]).astype(np.float32)
        for v in graph.inputs
    }


def scans(changed: ir.Model) -> int:
    """The number of Scan nodes left, nested ones included."""
    return sum(node.op_type == "Scan" for node in changed.graph.all_nodes())


@in_one_test("batch", [1, 3])
@in_one_test("time", [1, 2, 5])
@in_one_test("name", GRAPHS)
def test_inlined_equals_scan(name: str, time: int, batch: int, run_onnx: Run) -> None:
    """Any axes, directions, passed-through values, outer values and nesting: the straight line computes the same."""
    changed = model(GRAPHS[name], time)
    inputs = feeds(changed.graph, batch)
    if time == 1:
        lower(changed, "step")
    else:
        lower(changed, "unrolled", chunk=time)
    assert scans(changed) == 0
    for actual, expected in zip(run_onnx(changed, inputs), run_onnx(model(GRAPHS[name], time), inputs), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


def test_inputs_may_pass_through(run_onnx: Run) -> None:
    """A body may return a state and its frame unchanged; onnxruntime's own Scan returns zeros, and fails."""
    changed = model(PASSES_THROUGH, 3)
    inputs = feeds(changed.graph, 2)
    lower(changed, "unrolled", chunk=3)
    state, same, y = run_onnx(changed, inputs)
    np.testing.assert_allclose(state, inputs["s"] + 3 * inputs["k"], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(same, inputs["k"])
    np.testing.assert_array_equal(y, inputs["x"])


@pytest.mark.parametrize("form", ["native", "scan"])
def test_scan_stays(form: str) -> None:
    """The forms that keep a loop leave a Scan alone."""
    changed = model(PLAIN, "time")
    lower(changed, form)
    assert scans(changed) == 1


def test_a_symbolic_length_takes_the_chunk(run_onnx: Run) -> None:
    """A graph that does not state its length is written for `chunk` frames."""
    changed = model(PLAIN, "time")
    inputs = feeds(model(PLAIN, 4).graph, 2)
    lower(changed, "unrolled", chunk=4)
    for actual, expected in zip(run_onnx(changed, inputs), run_onnx(model(PLAIN, 4), inputs), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("frames", [1, 3, 5, 8])
def test_another_number_of_frames_fails(frames: int, run_onnx: Run) -> None:
    """A chunk of another length is an error of the run, never a wrong number."""
    changed = model(PLAIN, "time")
    lower(changed, "unrolled", chunk=4)
    inputs = feeds(model(PLAIN, frames).graph, 2)
    with pytest.raises(Exception, match=r"(?i)split"):
        run_onnx(changed, inputs)


def test_a_nested_scan_of_unknown_length_stays(run_onnx: Run) -> None:
    """The chunk is a length of the outer graph: a loop inside a body whose length is not stated stays a loop."""
    text = NESTED.replace("float[T, batch, 2, 3] x", "float[T, batch, 2, bins] x").replace(
        "float[b, 2, 3]", "float[b, 2, n]"
    )
    changed = model(text, 2)
    lower(changed, "unrolled", chunk=2)
    assert scans(changed) == 2
    inputs = feeds(model(NESTED, 2).graph, 3)
    for actual, expected in zip(run_onnx(changed, inputs), run_onnx(model(text, 2), inputs), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


@in_one_test("name", GRAPHS)
def test_every_name_is_unique(name: str) -> None:
    """No value of any subgraph is called like another one, earlier or later."""
    changed = model(GRAPHS[name], 3)
    lower(changed, "unrolled", chunk=3)
    values = [value.name for node in changed.graph.all_nodes() for value in node.outputs]
    assert len(values) == len(set(values))


def test_a_damaged_body_is_noticed(run_onnx: Run) -> None:
    """A body off by a sign is told apart: the comparison above is able to fail."""
    damaged = model(PLAIN.replace("Add(kept, frame)", "Sub(kept, frame)"), 2)
    inputs = feeds(damaged.graph, 2)
    lower(damaged, "unrolled", chunk=2)
    pairs = zip(run_onnx(damaged, inputs), run_onnx(model(PLAIN, 2), inputs), strict=True)
    assert max(np.abs(actual - expected).max() for actual, expected in pairs) > 0.1
