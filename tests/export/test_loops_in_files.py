"""Recurrences as Loop and branches as If, as converters write layers that have no operator of their own."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import foreign
import numpy as np
import onnx
import pytest
import torch
from foreign import FLOAT, INT64, node, weights
from in_one_test import in_one_test
from onnx import helper
from torch import Tensor, nn

from rnnedge_runtime import ModelRefused

BOOL = onnx.TensorProto.BOOL
CONSTANTS = {"w": weights(6, 8), "r": weights(8, 8, seed=1), "zero": np.array(0), "one": np.array(1),
             "i0": np.array([0]), "size": np.array([8]), "yes": np.array(True), "most": np.array(2**31 - 1),
             "half": np.float32(0.5), "ax1": np.array([1])}  # fmt: skip
INITIAL = [node("Shape", ["x"], ["s"]), node("Gather", ["s", "one"], ["t"]), node("Gather", ["s", "i0"], ["n"]),
           node("Concat", ["n", "size"], ["hs"], axis=0), node("ConstantOfShape", ["hs"], ["h0"])]  # fmt: skip
CELL = [node("MatMul", ["xi", "w"], ["a"]), node("MatMul", ["h", "r"], ["b"]), node("Add", ["a", "b"], ["ab"]),
        node("Tanh", ["ab"], ["hn"]), node("Identity", ["hn"], ["out"])]  # fmt: skip
LAST = [node("Transpose", ["ys"], ["y"], perm=[1, 0, 2])]
GATHER = [node("Gather", ["x", "i"], ["xi"], axis=1)]
SLICE = [node("Unsqueeze", ["i", "i0"], ["from"]), node("Add", ["i", "one"], ["next"]),
         node("Unsqueeze", ["next", "i0"], ["to"]), node("Slice", ["x", "from", "to", "ax1"], ["x1"]),
         node("Squeeze", ["x1", "ax1"], ["xi"])]  # fmt: skip
GO = [node("Identity", ["c"], ["go"])]
# Keras by tf2onnx: no trip count, a condition on a counter, and frames taken by another one.
COUNTERS = [node("Gather", ["xt", "k"], ["xi"]), node("Add", ["k", "one"], ["kn"]), node("Add", ["m", "one"], ["mn"]),
            node("Less", ["mn", "t"], ["less"]), node("And", ["less", "c"], ["go"])]  # fmt: skip


def body(nodes: list[Any], carried: dict[str, str], stacked: list[str], kinds: dict[str, int] | None = None) -> Any:
    """A Loop's body: `carried` by the name that it is read under."""

    def port(name: str, kind: int = FLOAT, shape: Any = None) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    kinds = kinds or {}
    return helper.make_graph(
        nodes, "body",
        [port("i", INT64, []), port("c", BOOL, []), *(port(name, kinds.get(name, FLOAT)) for name in carried)],
        [port("go", BOOL, []), *(port(new, kinds.get(name, FLOAT)) for name, new in carried.items()),
         *map(port, stacked)],
    )  # fmt: skip


SIMPLE = {"h": "hn"}
COUNTING = {"k": "kn", "m": "mn", **SIMPLE}


@in_one_test(
    ("nodes", "summary"),
    [
        ([*INITIAL, node("Loop", ["t", "yes", "h0"], ["hl", "ys"], body=body([*GATHER, *CELL, *GO], SIMPLE, ["out"])),
          *LAST], False),
        ([*INITIAL, node("Loop", ["t", "yes", "h0"], ["hl", "ys"], body=body([*SLICE, *CELL, *GO], SIMPLE, ["out"])),
          *LAST], False),
        ([*INITIAL, node("Transpose", ["x"], ["xt"], perm=[1, 0, 2]),
          node("Loop", ["most", "yes", "zero", "zero", "h0"], ["k1", "m1", "hl", "ys"],
               body=body([*COUNTERS, *CELL], COUNTING, ["out"], {"k": INT64, "m": INT64})), *LAST], False),
        ([*INITIAL, node("Loop", ["t", "", "h0"], ["hl"], body=body([*GATHER, *CELL, *GO], SIMPLE, [])),
          node("Identity", ["hl"], ["y"])], True),
    ],
)  # fmt: skip
def test_a_loop_over_time(nodes: list[Any], summary: bool, tmp_path: Path) -> None:
    """By Gather, by Slice, with a condition and counters of its own, and of which only the last state is used."""
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": ["n", "t", 6]},
                         {"y": ["n", 8] if summary else ["n", "t", 8]}, CONSTANTS)  # fmt: skip
    foreign.convert(file, tmp_path / "s.onnx")
    x = weights(1, 9, 6, seed=7)
    foreign.streams_as(
        tmp_path / "s.onnx", x[0], foreign.whole(file, x=x)[0] if summary else foreign.whole(file, x=x)[0][0]
    )


class Listed(nn.Module):
    """A loop that appends to a list, as TorchScript keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(x.size(0), 8)
        found = []
        for t in range(x.size(1)):
            h = torch.tanh(self.a(x[:, t]) + self.b(h))
            found.append(h)
        return torch.stack(found, 1)


class Unbound(Listed):
    """The same over frames that are split first, and joined by their own axis."""

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(x.size(0), 8)
        found = []
        for frame in x.unbind(1):
            h = torch.tanh(self.a(frame) + self.b(h))
            found.append(h.unsqueeze(1))
        return torch.cat(found, 1)


@pytest.mark.parametrize("kind", [Listed, Unbound])
def test_a_scripted_module(kind: type[nn.Module], tmp_path: Path) -> None:
    """Lists of frames, filled in the loop and concatenated after it."""
    file, x = tmp_path / "f.onnx", weights(1, 9, 6, seed=7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(torch.jit.script(kind()), (torch.zeros(2, 7, 6),), str(file), dynamo=False, opset_version=17,
                          input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "n", 1: "t"}})  # fmt: skip
    foreign.convert(file, tmp_path / "s.onnx")
    foreign.streams_as(tmp_path / "s.onnx", x[0], foreign.whole(file, x=x)[0][0])


NUMBERED = [*GATHER, node("Cast", ["i"], ["f"], to=FLOAT), node("Add", ["xi", "f"], ["xj"]),
            node("MatMul", ["xj", "w"], ["a"]), *CELL[1:], *GO]  # fmt: skip
BACK = [node("Sub", ["t", "i"], ["j"]), node("Sub", ["j", "one"], ["k"]), node("Gather", ["x", "k"], ["xi"], axis=1)]
STOP = [node("ReduceMax", ["hn"], ["top"], keepdims=0), node("Less", ["top", "half"], ["go"])]


@in_one_test(
    ("inner", "words"),
    [
        (NUMBERED, "its body computes with the number of the iteration"),
        ([*BACK, *CELL, *GO], "its body takes no frame by the number of the iteration"),
        ([*GATHER, *CELL, *STOP], r"it runs \d+ times for \d+ frames"),
    ],
)  # fmt: skip
def test_another_loop_is_refused(inner: list[Any], words: str, tmp_path: Path) -> None:
    """With its name, the reason and what is taken."""
    loop = node("Loop", ["t", "yes", "h0"], ["hl", "ys"], name="rnn/while", body=body(inner, SIMPLE, ["out"]))
    file = foreign.write(tmp_path / "f.onnx", [*INITIAL, loop, *LAST], {"x": ["n", "t", 6]}, {"y": ["n", "t", 8]},
                         {**CONSTANTS, "w": weights(6, 8) + 1})  # fmt: skip
    with pytest.raises(
        ModelRefused, match=rf"rnn/while \(Loop\): cannot stream: {words}.*write the recurrence as Scan"
    ):
        foreign.convert(file, tmp_path / "s.onnx")


def branch(name: str, operator: str) -> Any:
    """One operator on the frames outside."""
    return helper.make_graph(
        [node(operator, ["x"], [name])], name, [], [helper.make_tensor_value_info(name, FLOAT, None)]
    )


def chosen(*condition: Any) -> list[Any]:
    """A branch by `condition`, which makes "c"."""
    return [
        *condition,
        node("If", ["c"], ["y"], name="choice", then_branch=branch("p", "Tanh"), else_branch=branch("q", "Exp")),
    ]


def test_a_branch_that_is_always_taken(tmp_path: Path) -> None:
    """By a condition on the shape; one on the frames is refused."""
    shape = [node("Shape", ["x"], ["s"]), node("Gather", ["s", "i2"], ["f"]), node("Equal", ["f", "six"], ["c"])]
    ports = {"x": ["n", "t", 6]}, {"y": ["n", "t", 6]}
    file = foreign.write(tmp_path / "f.onnx", chosen(*shape), *ports, {"i2": np.array(2), "six": np.array(6)})
    foreign.convert(file, tmp_path / "s.onnx")
    x = weights(1, 9, 6)
    foreign.streams_as(tmp_path / "s.onnx", x[0], np.tanh(x[0]))
    data = [node("ReduceMax", ["x"], ["m"], keepdims=0), node("Greater", ["m", "limit"], ["c"])]
    file = foreign.write(tmp_path / "f.onnx", chosen(*data), *ports, {"limit": np.float32(2.6)})
    with pytest.raises(ModelRefused, match=r"choice \(If\): .* depends on the frames; compute both .* with Where"):
        foreign.convert(file, tmp_path / "s.onnx")
