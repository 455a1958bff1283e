"""Random native nodes against their lowered forms; onnxruntime's native operator is the oracle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from in_one_test import in_one_test
from onnx import TensorProto, helper, numpy_helper

from rnnedge_export.forms import cells, lower, recurrence

Array = np.ndarray[Any, Any]
Run = Callable[..., list[Array]]
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
ACTIVATIONS = {"RNN": 1, "GRU": 2, "LSTM": 3}
FUNCTIONS = [
    *("Affine", "Elu", "HardSigmoid", "LeakyRelu", "Relu", "ScaledTanh"),
    *("Sigmoid", "Softplus", "Softsign", "Tanh", "ThresholdedRelu"),
]
FORMS = ("scan", "unrolled", "step")


@dataclass(frozen=True)
class Node:
    """A native node to be: X (time, batch, 3) and weights; `constant` makes initializers of the weights."""

    kind: str
    attributes: dict[str, Any]
    inputs: dict[str, Array]
    constant: bool = True
    opset: int = 20
    layout: int = 0

    @property
    def time(self) -> int:
        """Frames in X."""
        return int(self.inputs["X"].shape[0])

    def feeds(self) -> dict[str, Array]:
        """Inputs in the node's layout."""
        swap = {"X", "initial_h", "initial_c"} if self.layout else set()
        return {name: np.swapaxes(a, 0, 1) if name in swap else a for name, a in self.inputs.items()}

    def model(self) -> ir.Model:
        """One node, every output; batch is symbolic."""
        slots = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"]
        used = [name if name in self.inputs else "" for name in slots[: 8 if self.kind == "LSTM" else 6]]
        outputs = ["Y", "Y_h", "Y_c"][: 3 if self.kind == "LSTM" else 2]
        ports, weights = [], []
        for name, array in self.feeds().items():
            if self.constant and name in "WRBP":
                weights.append(numpy_helper.from_array(array, name))
                continue
            shape: list[int | str] = list(array.shape)
            if name in ("X", "initial_h", "initial_c"):
                shape[1 - self.layout] = "batch"
            kind = TensorProto.INT32 if name == "sequence_lens" else TensorProto.FLOAT
            ports.append(helper.make_tensor_value_info(name, kind, shape))
        attributes = {**self.attributes, "layout": self.layout}
        graph = helper.make_graph(
            [helper.make_node(self.kind, used, outputs, name="cell", **attributes)],
            "one node",
            ports,
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            weights,
        )
        opset = [helper.make_opsetid("", self.opset)]
        return ir.from_proto(helper.make_model(graph, opset_imports=opset, ir_version=9))


def draw(kind: str, seed: int, time: int | None = None) -> Node:
    """A random node; every optional attribute and input is there in some draws."""
    rng = np.random.default_rng([seed, GATES[kind]])
    k, directions, hidden = GATES[kind], int(rng.integers(1, 3)), int(rng.integers(1, 6))
    batch, time = int(rng.integers(1, 4)), time or int(rng.integers(1, 6))

    def chance(p: float) -> bool:
        return bool(rng.random() < p)

    def array(*shape: int) -> Array:
        return (0.7 * rng.standard_normal(shape)).astype(np.float32)

    attributes: dict[str, Any] = {"hidden_size": hidden}
    attributes["direction"] = "bidirectional" if directions == 2 else str(rng.choice(["forward", "reverse"]))
    if chance(0.3):
        attributes["clip"] = float(rng.uniform(0.1, 1.0))
    if kind == "LSTM" and chance(0.3):
        attributes["input_forget"] = 1
    if kind == "GRU" and chance(0.5):
        attributes["linear_before_reset"] = 1
    if chance(0.5):
        count = ACTIVATIONS[kind] * directions
        attributes["activations"] = [str(name) for name in rng.choice(FUNCTIONS, count)]
        for name in ("activation_alpha", "activation_beta"):
            if chance(0.6):
                attributes[name] = [float(v) for v in rng.uniform(0.1, 0.9, rng.integers(1, count + 1))]
    inputs = {
        "X": array(time, batch, 3),
        "W": array(directions, k * hidden, 3),
        "R": array(directions, k * hidden, hidden),
    }
    optional = {
        "B": (0.7, (directions, 2 * k * hidden)),
        "initial_h": (0.6, (directions, batch, hidden)),
        "initial_c": (0.6 * (kind == "LSTM"), (directions, batch, hidden)),
        "P": (0.4 * (kind == "LSTM"), (directions, 3 * hidden)),
    }
    inputs |= {name: array(*shape) for name, (p, shape) in optional.items() if chance(p)}
    if chance(0.4):
        inputs["sequence_lens"] = rng.integers(1, time + 1, batch).astype(np.int32)
    return Node(kind, attributes, inputs, constant=chance(0.6), opset=int(rng.integers(18, 23)))


def native(node: Node, run_onnx: Run) -> list[Array]:
    """The outputs of onnxruntime's own operator, which knows layout 0 only, in the layout of `node`."""
    plain = replace(node, layout=0)
    y, *states = run_onnx(plain.model(), plain.feeds())
    if node.layout:
        return [np.transpose(y, (2, 0, 1, 3)), *(np.swapaxes(state, 0, 1) for state in states)]
    return [y, *states]


def error(node: Node, form: str, run_onnx: Run) -> float:
    """The largest difference between a form and the native operator, relative to numbers above 1."""
    model = node.model()
    lower(model, form, chunk=node.time)
    actual, expected = run_onnx(model, node.feeds()), native(node, run_onnx)
    assert [a.shape for a in actual] == [e.shape for e in expected]
    pairs = zip(actual, expected, strict=True)
    return max(float(np.max(np.abs(a - e) / np.maximum(1, np.abs(e)))) for a, e in pairs)


def unbounded(node: Node) -> bool:
    """Whether a gate may leave [0, 1]: the recurrence then amplifies the rounding of whoever computes it."""
    return "activations" in node.attributes


@pytest.mark.parametrize("form", FORMS)
@in_one_test("seed", range(30))
@pytest.mark.parametrize("kind", GATES)
def test_lowered_equals_native(kind: str, seed: int, form: str, run_onnx: Run) -> None:
    """Any attributes, optional inputs, directions and opset: the lowered node computes what the native one does."""
    node = draw(kind, seed, time=1 if form == "step" else None)
    assert error(node, form, run_onnx) <= (5e-6 if unbounded(node) else 1e-6)


@pytest.mark.parametrize("form", FORMS)
@in_one_test("seed", range(5))
@pytest.mark.parametrize("kind", GATES)
def test_batch_first_equals_time_first(kind: str, seed: int, form: str, run_onnx: Run) -> None:
    """layout=1, which onnxruntime's native operators refuse, computes what layout=0 does on swapped axes."""
    node = replace(draw(kind, seed, time=1 if form == "step" else None), layout=1)
    assert error(node, form, run_onnx) <= (5e-6 if unbounded(node) else 1e-6)


@in_one_test("parameters", [{}, {"activation_alpha": [0.3], "activation_beta": [0.6]}], ids=["plain", "given"])
@in_one_test("name", FUNCTIONS)
def test_every_activation(name: str, parameters: dict[str, Any], run_onnx: Run) -> None:
    """Each activation with and without its parameters, onnxruntime's defaults included."""
    node = draw("RNN", 3)
    directions = node.inputs["W"].shape[0]
    attributes = {**node.attributes, "activations": [name] * directions}
    for key in ("activation_alpha", "activation_beta"):
        attributes.pop(key, None)
    node = replace(node, attributes={**attributes, **{k: v * directions for k, v in parameters.items()}})
    assert error(node, "unrolled", run_onnx) <= 1e-6


def test_activation_names_ignore_case(run_onnx: Run) -> None:
    """Like onnxruntime, which takes activation names of GRU and LSTM in any case."""
    node = draw("GRU", 0)
    kept = {k: v for k, v in node.attributes.items() if k in ("hidden_size", "direction")}
    names = ["sigmoid", "TANH"] * node.inputs["W"].shape[0]
    assert error(replace(node, attributes={**kept, "activations": names}), "scan", run_onnx) <= 1e-6


def test_hidden_size_may_be_missing(run_onnx: Run) -> None:
    """The attribute hidden_size is redundant: R tells."""
    node = draw("LSTM", 1)
    model = node.model()
    model.graph[0].attributes.pop("hidden_size")
    lower(model, "scan")
    for actual, expected in zip(run_onnx(model, node.feeds()), native(node, run_onnx), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


@in_one_test("form", FORMS)
@in_one_test("batch", [1, 3])
def test_batch_is_dynamic(form: str, batch: int, run_onnx: Run) -> None:
    """One lowered graph serves any batch size, missing initial states included."""
    small, time = draw("LSTM", 2, time=1 if form == "step" else 4), 1 if form == "step" else 4
    kept = {k: v for k, v in small.inputs.items() if k in "WRB"}
    x = np.random.default_rng(0).standard_normal((time, batch, 3)).astype(np.float32)
    node = replace(small, inputs={"X": x, **kept}, constant=True)
    assert error(node, form, run_onnx) <= 1e-6


def _no_clip(monkeypatch: pytest.MonkeyPatch) -> str:
    functions = cells._functions
    monkeypatch.setattr(cells, "_functions", lambda builder, spec, d: functions(builder, replace(spec, clip=None), d))
    return "clip"


def _no_coupling(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(cells, "_forget", lambda builder, spec, i: None)
    return "input_forget"


def _other_reset(monkeypatch: pytest.MonkeyPatch) -> str:
    gru = cells._gru

    def turned(builder: Any, spec: Any, *rest: Any) -> Any:
        return gru(builder, replace(spec, linear_before_reset=not spec.linear_before_reset), *rest)

    monkeypatch.setattr(cells, "_gru", turned)
    return "linear_before_reset"


def _peepholes_out_of_order(monkeypatch: pytest.MonkeyPatch) -> str:
    prepare = recurrence.prepare

    def turned(*args: Any) -> Any:
        weights = prepare(*args)
        return replace(weights, peepholes=weights.peepholes[::-1])

    monkeypatch.setattr(recurrence, "prepare", turned)
    return "P"


def _states_run_on(monkeypatch: pytest.MonkeyPatch) -> str:
    def frame(task: Any, builder: Any, t: Any, x: Any, memory: Any) -> Any:
        after = cells.advance(builder, task.spec, task.direction, task.weights, x, memory)
        return after.h, after

    monkeypatch.setattr(recurrence.Task, "frame", frame)
    return "sequence_lens"


def _forgets_nothing(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(cells, "_remember", lambda builder, f, c, i, g: builder.op("Add", c, builder.op("Mul", i, g)))
    return "c"


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("RNN", _no_clip),
        ("GRU", _no_clip),
        ("LSTM", _no_clip),
        ("LSTM", _no_coupling),
        ("GRU", _other_reset),
        ("LSTM", _peepholes_out_of_order),
        ("GRU", _states_run_on),
        ("LSTM", _forgets_nothing),
    ],
)
def test_a_damaged_equation_is_noticed(
    kind: str, damage: Callable[[pytest.MonkeyPatch], str], monkeypatch: pytest.MonkeyPatch, run_onnx: Run
) -> None:
    """With one equation changed the same draws fail: the comparison above is able to."""
    part = damage(monkeypatch)
    nodes = [draw(kind, seed) for seed in range(30)]
    concerned = [n for n in nodes if part == "c" or part in n.attributes or part in n.inputs]
    errors = [error(node, "unrolled", run_onnx) for node in concerned]
    assert max(errors) > 1e-2
