"""Inputs of ONNX files for whole sequences that are values per sequence: every stream is given its own."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import foreign
import numpy as np
import pytest
from foreign import INT64, node, weights

import rnnedge_export
from rnnedge_export.adoption.propose import propose
from rnnedge_runtime import load
from rnnedge_runtime.errors import InputError, ModelRefused

RECURRENCE = [node("Transpose", ["x"], ["t"], perm=[1, 0, 2]), node("GRU", ["t", "w", "r"], ["all"], hidden_size=6),
              node("Squeeze", ["all", "one"], ["s"]), node("Transpose", ["s"], ["g"], perm=[1, 0, 2])]  # fmt: skip
STARTED = [RECURRENCE[0], node("GRU", ["t", "w", "r", "", "", "c"], ["all"], hidden_size=6), *RECURRENCE[2:],
           node("Identity", ["g"], ["y"])]  # fmt: skip
FILM = [*RECURRENCE, node("Mul", ["g", "u"], ["y"])]
VECTOR = [node("MatMul", ["c", "p"], ["f"]), node("Unsqueeze", ["f", "one"], ["u"]), *FILM]
WIDE = [node("Shape", ["x"], ["sizes"]), node("Gather", ["sizes", "one"], ["count"]),
        node("Concat", ["one", "count", "one"], ["wide"], axis=0), node("Unsqueeze", ["c", "one"], ["row"]),
        node("Expand", ["row", "wide"], ["rows"]), node("Concat", ["x", "rows"], ["both"], axis=2),
        node("MatMul", ["both", "m"], ["y"])]  # fmt: skip
GIVEN = {"w": weights(1, 18, 4), "r": weights(1, 18, 6, seed=2), "one": np.array([1]), "p": weights(5, 6, seed=3),
         "e": weights(7, 6, seed=4), "m": weights(9, 3, seed=8), "q": weights(5, 4, seed=6)}  # fmt: skip
X: dict[str, Any] = {"x": ["n", "t", 4]}
# Nodes, inputs, the value of one sequence as the file takes it, and as a stream does.
KINDS: dict[str, tuple[list[Any], dict[str, Any], Any, Any]] = {
    "vector": (VECTOR, {**X, "c": ["n", 5]}, weights(1, 5, seed=9), weights(5, seed=9)),
    "id": ([node("Gather", ["e", "c"], ["f"]), *VECTOR[1:]], {**X, "c": (INT64, ["n"])}, np.array([3]), 3),
    "column of ids": ([node("Gather", ["e", "c"], ["u"]), *FILM], {**X, "c": (INT64, ["n", 1])}, np.array([[3]]), [3]),
    "in front": (VECTOR, {"c": ["n", 5], **X}, weights(1, 5, seed=9), weights(5, seed=9)),
    "for one sequence": (VECTOR, {"x": [1, "t", 4], "c": [1, 5]}, weights(1, 5, seed=9), weights(5, seed=9)),
    "start of a recurrence": (STARTED, {**X, "c": [1, "n", 6]}, weights(1, 1, 6, seed=9), weights(1, 6, seed=9)),
    "spread over time": (WIDE, {**X, "c": ["n", 5]}, weights(1, 5, seed=9), weights(5, seed=9)),
    "without a batch": ([node("MatMul", ["c", "q"], ["u"]), node("Add", ["x", "u"], ["y"])],
                        {"x": ["t", 4], "c": [5]}, weights(5, seed=9), weights(5, seed=9)),
}  # fmt: skip
SHORT = ("vector", "id")


@pytest.mark.parametrize(
    "kind", [kind if kind in SHORT else pytest.param(kind, marks=pytest.mark.long) for kind in KINDS]
)
def test_a_value_per_sequence_is_a_context(kind: str, tmp_path: Path) -> None:
    """The proposed command converts it; a stream gives what the file gives for its own value; verify knows it."""
    nodes, inputs, value, row = KINDS[kind]
    used = {name for node in nodes for name in node.input}
    file = foreign.write(tmp_path / "f.onnx", nodes, inputs, {"y": ["n", "t", "d"][3 - len(inputs["x"]) :]},
                         {name: array for name, array in GIVEN.items() if name in used})  # fmt: skip
    found = propose(str(file))
    assert {port.name: port.role for port in found.inputs} == {"x": "frames", "c": "value per sequence"}
    assert found.command is not None
    words = shlex.split(found.command)
    foreign.convert(file, tmp_path / "s.onnx", time_axis=words[words.index("--time-axis") + 1])
    model, x = load(tmp_path / "s.onnx", trust="strict"), weights(21, 4, seed=5)
    single = len(inputs["x"]) == 2
    expected = foreign.whole(file, x=x if single else x[None], c=value)[0]
    stream = model.stream(context={"c": row})
    np.testing.assert_allclose(np.concatenate([stream.push(x[:2]), stream.push(x[2:]), stream.finish()]),
                               expected if single else expected[0], atol=1e-6)  # fmt: skip
    with pytest.raises(InputError, match="context 'c'"):
        model.stream()
    assert rnnedge_export.verify(tmp_path / "s.onnx", file, effort=foreign.BRIEF).passed


def test_a_context_may_have_a_default_and_the_sizes_of_frames(tmp_path: Path) -> None:
    """Five frames of five numbers, and a matrix per sequence: `context` says which is which, and what is usual."""
    nodes = [node("MatMul", ["x", "c"], ["y"])]
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": ["n", 5, 5], "c": ["n", 5, 5]}, {"y": ["n", 5, 5]})
    usual, x = weights(5, 5, seed=2), weights(9, 5, seed=3)
    foreign.convert(file, tmp_path / "s.onnx", context={"c": usual})
    np.testing.assert_allclose(load(tmp_path / "s.onnx").run(x), x @ usual, atol=1e-6)
    with pytest.raises(ModelRefused, match="'d' is no input"):
        foreign.convert(file, tmp_path / "s.onnx", context=["d"])
    with pytest.raises(ModelRefused, match="default of shape"):
        foreign.convert(file, tmp_path / "s.onnx", context={"c": weights(4)})


@pytest.mark.parametrize("batched", [True, False])
def test_a_file_with_states_takes_a_value_per_sequence(batched: bool, tmp_path: Path) -> None:
    """Next to its frames and its state; the proposed command names it, and two streams have two of them."""
    n: list[Any] = ["n"] if batched else []
    nodes = [node("Squeeze", ["x", "time"], ["frame"]), node("Concat", ["frame", "h", "c"], ["all"], axis=-1),
             node("MatMul", ["all", "w"], ["a"]), node("Tanh", ["a"], ["h_out"]),
             node("Unsqueeze", ["h_out", "time"], ["y"])]  # fmt: skip
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": [*n, 1, 4], "h": [*n, 6], "c": [*n, 3]},
                         {"y": [*n, 1, 6], "h_out": [*n, 6]}, {"w": weights(13, 6), "time": [-2]})  # fmt: skip
    found = propose(str(file))
    roles = {port.name: port.role for port in found.inputs if "state" not in port.role}
    assert roles == {"x": "frames", "c": "value per sequence"}
    assert found.command is not None
    assert "--per-sequence c" in found.command
    axis = int(batched)
    foreign.adopt(file, tmp_path / "s.onnx", states={"h": "h_out"}, time_axis=axis, per_sequence=["c"])
    model, x = load(tmp_path / "s.onnx", trust="strict"), weights(9, 4, seed=5)
    for seed in (1, 2):
        value, expected, h = weights(3, seed=seed), [], np.zeros(6, np.float32)
        for frame in x:
            given = (frame[None], h, value)
            y, h = foreign.whole(file, **{k: a[None] if batched else a for k, a in zip("xhc", given, strict=True)})
            h = h[0] if batched else h
            expected.append(y.reshape(6))
        np.testing.assert_allclose(model.stream(context={"c": value}).push(x), np.stack(expected), atol=1e-6)
    assert rnnedge_export.verify(tmp_path / "s.onnx", file, effort=foreign.BRIEF).passed
    with pytest.raises(ModelRefused, match="'h': expected an input that is no state"):
        foreign.adopt(file, tmp_path / "t.onnx", states={"h": "h_out"}, time_axis=axis, per_sequence=["h"])
