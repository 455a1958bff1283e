"""Files for one sequence, (time, features), become streams of any number of sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import foreign
import numpy as np
import pytest
from foreign import INT64, node, weights
from in_one_test import in_one_test

from rnnedge_runtime import ModelRefused, load

ONE, TWO, ZERO = {"one": np.array([1])}, {"two": np.array([2])}, {"zero": np.array([0])}


def layer(kind: str, gates: int, *states: str) -> list[Any]:
    """A recurrence whose batch of 1 is put in and taken out again."""
    return [
        node("Unsqueeze", ["x", "one"], ["x3"]),
        node(kind, ["x3", f"w{gates}", f"r{gates}", "", "", *states], ["all", "last"], hidden_size=4),
        node("Squeeze", ["all", "both"], ["y"]),
    ]


RECURRENT = {f"{letter}{gates}": weights(1, 4 * gates, size, seed=gates)
             for gates in (1, 3, 4) for letter, size in (("w", 3), ("r", 4))}  # fmt: skip
RECURRENT |= {**ONE, "both": np.array([1, 2]), "h0": weights(1, 1, 4, seed=9)}
CONV = [
    node("Transpose", ["x"], ["t"], perm=[1, 0]), node("Unsqueeze", ["t", "zero"], ["u"]),
    node("Pad", ["u", "before"], ["p"]), node("Conv", ["p", "k"], ["c"]),
    node("BatchNormalization", ["c", "scale", "shift", "mean", "var"], ["n"]),
    node("Squeeze", ["n", "zero"], ["s"]), node("Transpose", ["s"], ["y"]),
]  # fmt: skip
CONVOLUTION = {**ZERO, "before": np.array([0, 0, 2, 0, 0, 0]), "k": weights(4, 3, 3), "scale": weights(4),
               "shift": weights(4), "mean": weights(4), "var": weights(4) ** 2 + 1}  # fmt: skip
DENSE = [
    node("Gemm", ["x", "w", "b"], ["g"], transB=1, alpha=0.5, beta=2.0), node("LayerNormalization", ["g", "s"], ["n"]),
    node("MatMul", ["n", "m"], ["v"]), node("Add", ["v", "b"], ["a"]), node("Softmax", ["a"], ["p"], axis=1),
    node("ReduceMax", ["p"], ["top"], axes=[1]), node("Sub", ["p", "top"], ["d"]),
    node("Concat", ["d", "x"], ["y"], axis=1),
]  # fmt: skip
HEADS = [
    node("Shape", ["x"], ["size"]), node("Slice", ["size", "zero", "one"], ["t"]),
    node("Concat", ["t", "three", "one"], ["to"], axis=0), node("Reshape", ["x", "to"], ["h"]),
    node("Mul", ["h", "k"], ["m"]), node("ReduceSum", ["m", "two"], ["r"], keepdims=0),
    node("Slice", ["r", "one", "three", "one"], ["cut"]), node("Expand", ["cut", "wide"], ["e"]),
    node("CumSum", ["e", "along"], ["y"]),
]  # fmt: skip


@in_one_test(
    ("nodes", "x", "constants"),
    [
        (layer("RNN", 1), ["t", 3], RECURRENT),
        (layer("GRU", 3), ["t", 3], RECURRENT),
        (layer("LSTM", 4, "h0"), ["t", 3], RECURRENT),
        (CONV, ["t", 3], CONVOLUTION),
        (DENSE, ["t", 4], {"w": weights(4, 4), "b": weights(4), "s": weights(4), "m": weights(4, 4), **ONE}),
        (HEADS, ["t", 3], {**ZERO, **ONE, **TWO, "three": np.array([3]), "k": weights(3, 5),
                           "wide": np.array([1, 2]), "along": np.array(0)}),
        ([node("Gather", ["table", "x"], ["v"]), node("CumSum", ["v", "along"], ["y"])], (INT64, ["t"]),
         {"table": weights(7, 3), "along": np.array(0)}),
        (layer("GRU", 3), [8, 3], RECURRENT),
    ],
)  # fmt: skip
def test_a_network_for_one_sequence(nodes: list[Any], x: Any, constants: dict[str, Any], tmp_path: Path) -> None:
    """Recurrences, convolutions, matrices, reshapes and tables: equal to the file, and two streams at once are two."""
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": x}, {"y": ["t", "f"]}, constants)
    foreign.convert(file, tmp_path / "s.onnx", time_axis=0)
    frames = np.arange(8) % 7 if isinstance(x, tuple) else weights(8, x[1], seed=7)
    foreign.streams_as(tmp_path / "s.onnx", frames, foreign.whole(file, x=frames)[0])
    two = load(tmp_path / "s.onnx").stream(2).push(np.stack([frames, frames[::-1]]))
    np.testing.assert_allclose(two[1], foreign.whole(file, x=frames[::-1].copy())[0][: two.shape[1]], atol=1e-5)


def test_an_operator_without_a_rule_is_refused_by_its_name(tmp_path: Path) -> None:
    """And the missing batch axis is the reason."""
    nodes = [node("TopK", ["x", "two"], ["v", "i"]), node("Relu", ["v"], ["y"])]
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": ["t", 3]}, {"y": ["t", 2]}, TWO)
    with pytest.raises(ModelRefused, match=r"v \(TopK\): the file has no batch axis"):
        foreign.convert(file, tmp_path / "s.onnx", time_axis=0)
