"""The ONNX project's own node cases for RNN, GRU, LSTM and Scan, in every form, against the outputs they come with.

onnx's reference evaluator is no oracle here: it disagrees with onnxruntime on clip, activations and input_forget. The
expected outputs that a case carries are numpy computations written for that case.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from in_one_test import in_one_test
from onnx.backend.test.case.test_case import TestCase as NodeCase
from onnx.backend.test.loader import load_model_tests

from rnnedge_export.forms import lower

Arrays = list[np.ndarray[Any, Any]]
Run = Callable[..., Arrays]

NATIVE_CASES = [
    *(f"test_{kind}_{what}" for kind in ("gru", "lstm", "simple_rnn") for what in ("defaults", "with_initial_bias")),
    *(
        f"test_{kind}_{what}"
        for kind in ("gru", "lstm", "simple_rnn")
        for what in ("batchwise", "reverse", "bidirectional")
    ),
    "test_gru_seq_length",
    "test_rnn_seq_length",
    "test_lstm_with_peepholes",
]
SCAN_CASES = ["test_scan9_sum", "test_scan9_multi_state", "test_scan9_scalar"]
ATTENTION_CASES = [
    f"test_linear_attention_{what}_expanded"
    for what in (
        *("decode_step", "delta", "explicit_scale", "fp16", "gated", "gated_delta", "gated_delta_beta_scalar"),
        *("gated_delta_gqa", "gated_delta_mqa", "gated_per_head_decay", "linear", "linear_t1_no_past"),
        *("no_past_explicit_zeros", "prefill_with_past"),
    )
]
# Scan of opset 8 has a batch axis and lengths of its own; nothing that exports opset 18 or later writes it.
OLD_SCAN = ["test_scan_sum"]


@pytest.fixture(scope="session")
def cases() -> dict[str, NodeCase]:
    """Every generated node case that holds a recurrence, by name."""
    with warnings.catch_warnings():
        # The generators of unrelated operators overflow on purpose.
        warnings.simplefilter("ignore")
        tests = load_model_tests(kind="node")
    kinds = {"RNN", "GRU", "LSTM", "Scan"}
    return {t.name: t for t in tests if kinds & {node.op_type for node in t.model.graph.node}}


def test_no_case_is_left_out(cases: dict[str, NodeCase]) -> None:
    """Every case that onnx generates for a recurrence is named in this file."""
    assert sorted(cases) == sorted([*NATIVE_CASES, *SCAN_CASES, *ATTENTION_CASES, *OLD_SCAN])


@pytest.mark.parametrize("form", ["native", "scan", "unrolled", "step"])
@in_one_test("name", NATIVE_CASES)
def test_native_operator_in_every_form(name: str, form: str, cases: dict[str, NodeCase], run_onnx: Run) -> None:
    """A native node gives the case's outputs in each form; step is driven frame by frame with its state chained."""
    case = cases[name]
    inputs, expected = case.data_sets[0]
    names = [value.name for value in case.model.graph.input]
    feeds = dict(zip(names, inputs, strict=True))
    frames = _frames(case.model, feeds["X"])
    if form == "native" and name.endswith("batchwise"):
        pytest.skip("onnxruntime does not implement layout=1 in its native operators")
    if form == "step":
        actual = _drive(case.model, feeds, run_onnx)
    else:
        model = ir.from_proto(case.model)
        lower(model, form, chunk=frames)
        actual = run_onnx(model, feeds)
        loops = {node.op_type for node in model.graph} & {"RNN", "GRU", "LSTM", "Scan"}
        assert loops == {"native": {_kind(case.model)}, "scan": {"Scan"}, "unrolled": set()}[form]
    for got, wanted in zip(actual, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("form", ["native", "scan", "unrolled"])
@in_one_test("name", [*SCAN_CASES, *ATTENTION_CASES])
def test_scan_in_every_form(name: str, form: str, cases: dict[str, NodeCase], run_onnx: Run) -> None:
    """A Scan gives the case's outputs as it stands and with its body written once for every frame."""
    case = cases[name]
    inputs, expected = case.data_sets[0]
    feeds = dict(zip((value.name for value in case.model.graph.input), inputs, strict=True))
    model = ir.from_proto(_modern(case.model))
    lower(model, form, chunk=_scan_frames(case))
    actual = run_onnx(model, feeds)
    assert any(node.op_type == "Scan" for node in model.graph) == (form != "unrolled")
    # The half-precision case is compared at its own precision: one unit in the last place of numbers near 1.
    atol = 1e-3 if "fp16" in name else 1e-6
    for got, wanted in zip(actual, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=atol)


@in_one_test("name", SCAN_CASES)
def test_scan_one_frame_at_a_time(name: str, cases: dict[str, NodeCase], run_onnx: Run) -> None:
    """The step form of a Scan, driven frame by frame with its states chained, gives the case's outputs."""
    case = cases[name]
    inputs, expected = case.data_sets[0]
    *states, x = inputs
    *state_names, x_name = (value.name for value in case.model.graph.input)
    proto = _modern(case.model)
    _set_dim(proto.graph.input[-1], 0, 1)
    for value in proto.graph.output:
        value.type.tensor_type.ClearField("shape")
    model = ir.from_proto(proto)
    lower(model, "step")
    rows = []
    for t in range(len(x)):
        results = run_onnx(model, {**dict(zip(state_names, states, strict=True)), x_name: x[t : t + 1]})
        states = results[: len(states)]
        rows.append(results[len(states) :])
    actual = [*states, *(np.concatenate(column) for column in zip(*rows, strict=True))]
    for got, wanted in zip(actual, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)


def _kind(model: onnx.ModelProto) -> str:
    return model.graph.node[0].op_type


def _attributes(model: onnx.ModelProto) -> dict[str, Any]:
    return {a.name: onnx.helper.get_attribute_value(a) for a in model.graph.node[0].attribute}


def _frames(model: onnx.ModelProto, x: np.ndarray[Any, Any]) -> int:
    return int(x.shape[_attributes(model).get("layout", 0)])


def _scan_frames(case: NodeCase) -> int:
    """Frames are rows of x, or time in a query (batch, time, feature) or (batch, head, time, feature)."""
    first = case.data_sets[0][0]
    if case.name in SCAN_CASES:
        return len(first[-1])
    return int(first[0].shape[1 if first[0].ndim == 3 else 2])


def _modern(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model at opset 20 if it is older: Scan, Add, Mul and Identity have not changed their meaning since 9."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    if model.opset_import[0].version < 18:
        model.opset_import[0].version = 20
        model.ir_version = 9
    return model


def _set_dim(value: onnx.ValueInfoProto, axis: int, size: int) -> None:
    value.type.tensor_type.shape.dim[axis].dim_value = size


def _drive(model: onnx.ModelProto, feeds: dict[str, np.ndarray[Any, Any]], run_onnx: Run) -> Arrays:
    """Run the step form of a native case over its frames, each direction in its own order, and join the results."""
    attributes = _attributes(model)
    layout = attributes.get("layout", 0)
    directions = feeds["W"].shape[0]
    reverses = [False, True] if directions == 2 else [attributes.get("direction", b"") == b"reverse"]
    x, hidden = feeds["X"], feeds["R"].shape[2]
    batch, frames = x.shape[1 - layout], x.shape[layout]
    step = ir.from_proto(_one_frame(model, [directions, batch] if layout == 0 else [batch, directions], hidden))
    lower(step, "step")
    letters = "hc" if _kind(model) == "LSTM" else "h"
    state_shape = (directions, batch, hidden) if layout == 0 else (batch, directions, hidden)
    ys, finals = [], []
    for d, reverse in enumerate(reverses):
        states = {f"initial_{k}": feeds.get(f"initial_{k}", np.zeros(state_shape, np.float32)) for k in letters}
        rows: dict[int, np.ndarray[Any, Any]] = {}
        for t in reversed(range(frames)) if reverse else range(frames):
            frame = {"X": np.take(x, [t], layout)}
            y, *after = run_onnx(step, {**feeds, **states, **frame})
            states = dict(zip(states, after, strict=True))
            rows[t] = np.take(y, [d], layout + 1)
        ys.append(np.concatenate([rows[t] for t in range(frames)], axis=layout))
        finals.append([np.take(value, [d], layout) for value in states.values()])
    joined = {"Y": np.concatenate(ys, axis=layout + 1)}
    for k, column in zip(letters, zip(*finals, strict=True), strict=True):
        joined[f"Y_{k}"] = np.concatenate(column, axis=layout)
    return [joined[value.name] for value in model.graph.output]


def _one_frame(model: onnx.ModelProto, state_shape: list[int], hidden: int) -> onnx.ModelProto:
    """The case for one frame, with its states as inputs and outputs."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    node = model.graph.node[0]
    layout = _attributes(model).get("layout", 0)
    _set_dim(model.graph.input[0], layout, 1)
    letters = "hc" if node.op_type == "LSTM" else "h"
    slots = [*node.input, *[""] * 8][:8]
    for slot, letter in enumerate(letters, start=5):
        if not slots[slot]:
            slots[slot] = f"initial_{letter}"
            info = onnx.helper.make_tensor_value_info(slots[slot], onnx.TensorProto.FLOAT, [*state_shape, hidden])
            model.graph.input.append(info)
    del node.input[:], node.output[:], model.graph.output[:]
    node.input.extend(slots[: 8 if node.op_type == "LSTM" else 6])
    for name in ("Y", *(f"Y_{letter}" for letter in letters)):
        node.output.append(name)
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return model
