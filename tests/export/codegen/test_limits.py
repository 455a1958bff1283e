"""Whatever a file says, the compiler takes little memory for it, writes little text, or refuses it."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from one_node import Case, contract_of
from onnx import TensorProto, helper, numpy_helper

from rnnedge_export.codegen import toolchain
from rnnedge_export.codegen._ir import program
from rnnedge_export.codegen._ir.step_program import StepProgram
from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.codegen._nodes.limits import MOST_WARMUP, TooLarge
from rnnedge_export.codegen._program_lowering import lower_program
from rnnedge_runtime.contract_json import parse

GOLDEN = Path(__file__).parents[2] / "data" / "golden_gru.onnx"
_PEAK_BYTES = 256 << 20
# One more than may be, in place of what the compiler has, so that they are soon written.
MANY = 65


def _floats(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def _several(*shape: int) -> np.ndarray:
    """Not all the same, so that they are no literal."""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape) % 7


def _doubled(how: str, times: int) -> StepProgram:
    """The maximum of a value that is doubled so many times."""
    nodes, last = [], "x"
    for k in range(times):
        second = {"Concat": last, "Tile": "two", "Expand": "wide"}[how]
        nodes.append(helper.make_node(how, [last, second], [f"t{k}"], **({"axis": 0} if how == "Concat" else {})))
        last = f"t{k}"
    nodes.append(helper.make_node("ReduceMax", [last], ["y"], keepdims=0))
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1]), ("y", []))]
    constants = [numpy_helper.from_array(np.array([2]), "two"), numpy_helper.from_array(np.array([1 << 40]), "wide")]
    graph = helper.make_graph(nodes, "doubled", value[:1], value[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    return lower_program(model, contract_of({"x": _floats(1)}, {"y": _floats()}), 1, 8, Weights())


def _node(case: Case, *shape: int) -> StepProgram:
    return lower_program(case.model, contract_of(case.given, {"y0": _floats(*shape)}), 1, 8, Weights())


# Each keeps its result small, where it can, and grows in between.
BOMBS = {
    "doubled by Concat": lambda: _doubled("Concat", 40),
    "doubled by Tile": lambda: _doubled("Tile", 40),
    "expanded": lambda: _doubled("Expand", 1),
    "long pads and strides": lambda: _node(
        Case("Conv", [_floats(1, 1, 4, 4), _floats(1, 1, 1, 1)],
             {"pads": [1 << 15] * 4, "strides": [1 << 15] * 2}, {1}), 1, 1, 3, 3),
    "a long transposed kernel": lambda: _node(
        Case("ConvTranspose", [_floats(1, 1, 4096), _floats(1, 1, 2)],
             {"strides": [1 << 20], "pads": [1 << 20, 0]}, {1}), 1, 1, 1),
    "wide windows": lambda: _node(
        Case("MaxPool", [_floats(1, 1, 65000)], {"kernel_shape": [30000]}), 1, 1, 35001),
    "a product of broadcast factors": lambda: _node(
        Case("MatMul", [_floats(512, 1, 1, 4096), _floats(1, 512, 4096, 1)]), 512, 512, 1, 1),
    "a sum of many steps": lambda: _node(Case("CumSum", [_floats(MANY), np.array(0)], fixed={1}), MANY),
    "many groups": lambda: _node(
        Case("Conv", [_floats(1, 2 * MANY, 1), _floats(2 * MANY, 2, 1)], {"group": MANY}, {1}), 1, 2 * MANY, 1),
    "one column": lambda: _node(Case("MatMul", [_floats(1, 1 << 22), _several(1 << 22, 1)], {}, {1}), 1, 1),
    "a table as long as the text": lambda: _node(
        Case("Gather", [_floats(1 << 20), np.random.default_rng(0).integers(0, 1 << 20, 1 << 21)], {}, {1}), 1 << 21),
    "a range": lambda: _node(Case("Add", [np.array([1]), np.arange(1 << 21)], {}, {1}), 1 << 21),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_what_would_grow_is_refused_before_it_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, with a peak far below what the result would be."""
    monkeypatch.setattr(program, "MOST_STATEMENTS", MANY - 1)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge, match=r"^native engine: [^\n]*expected at most [^\n]*; run the file with"):
            BOMBS[name]()
        assert tracemalloc.get_traced_memory()[1] < _PEAK_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("warmup", "taken"), [(MOST_WARMUP, True), (MOST_WARMUP + 1, False), (1 << 40, False)])
def test_calls_are_counted_in_32_bits(warmup: int, taken: bool) -> None:
    """A state that begins later than the program can count is refused."""
    model = onnx.load(GOLDEN)
    contract = parse({entry.key: entry.value for entry in model.metadata_props}, "golden")
    late = replace(contract, states=tuple(replace(state, warmup=warmup) for state in contract.states))
    with nullcontext() if taken else pytest.raises(TooLarge, match="calls before a state begins"):
        assert lower_program(model, late, 1, 8, Weights()).steps


def test_what_is_just_large_enough_is_written() -> None:
    """So that the bounds are what refuses."""
    assert _doubled("Concat", 20).steps
    assert _node(Case("CumSum", [_floats(60), np.array(0)], fixed={1}), 60).steps
    tracemalloc.start()
    try:
        resized = Case("Resize", [_floats(1024, 1024), None, None, np.array([1 << 20, 1])], {"mode": "nearest"}, {3})
        assert _node(resized, 1 << 20, 1).steps
        assert tracemalloc.get_traced_memory()[1] < _PEAK_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no shell that sets bounds")
def test_a_compiler_that_takes_too_much_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory and time of the processor; a command within its bounds passes."""
    monkeypatch.setattr(toolchain, "_MOST_SECONDS", 1)
    monkeypatch.setattr(toolchain, "_MOST_KIB", 1 << 20)
    for text, right in (("pass", True), ("bytearray(2 << 30)", False), ("while True: pass", False)):
        command = [*toolchain._bounded(), sys.executable, "-S", "-c", text]
        assert (subprocess.run(command, capture_output=True).returncode == 0) == right, text
