"""Files and graphs over which onnxruntime ends the process: they are converted, refused or explained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import foreign
import numpy as np
import onnx
import pytest
import quickly
import torch
from foreign import node
from onnx import helper, numpy_helper
from torch import nn

import rnnedge_export
from rnnedge_export import Effort
from rnnedge_export.verification import runs_apart
from rnnedge_export.verification.runs_apart import Carried, ProcessEnded, RunFailed, run_apart
from rnnedge_runtime import ModelRefused

QUICK = Effort(lengths=(1, 7), batches=(1,), frames=64, signals=("impulse",), roads=("step",))
LEAST, MOST = -(1 << 63), 1 << 62


def _cut(before: int, after: int) -> dict[str, Any]:
    return {"from": np.array([before]), "to": np.array([after or MOST]), "axis": np.array([1])}


@pytest.mark.parametrize(("before", "after"), [(4, 0), pytest.param(0, -4, marks=pytest.mark.long)])
@pytest.mark.parametrize("operator", ["GRU", pytest.param("LSTM", marks=pytest.mark.long)])
def test_a_layer_that_gets_no_frame_of_a_short_sequence_is_converted(
    operator: str, before: int, after: int, tmp_path: Path
) -> None:
    """Which lengths a file takes is found by trying; PyTorch's layer is the oracle."""
    torch.manual_seed(0)
    layer = getattr(nn, operator)(3, 4, batch_first=True)
    w_ih, w_hh, b_ih, b_hh = (p.detach().numpy() for p in layer.parameters())
    # PyTorch has the gates r, z, n and i, f, g, o; ONNX z, r, n and i, o, f, g.
    order = np.arange(4 * len(w_ih) // 4).reshape(-1, 4)[[1, 0, 2] if operator == "GRU" else [0, 3, 1, 2]].ravel()
    weights = {"W": w_ih[order][None], "R": w_hh[order][None], "B": np.concatenate([b_ih[order], b_hh[order]])[None]}
    more = {"linear_before_reset": 1} if operator == "GRU" else {}
    nodes = [
        node("Slice", ["x", "from", "to", "axis"], ["cut"]),
        node("Transpose", ["cut"], ["first"], perm=[1, 0, 2]),
        node(operator, ["first", "W", "R", "B"], ["all"], hidden_size=4, **more),
        node("Squeeze", ["all", "axis"], ["one"]),
        node("Transpose", ["one"], ["y"], perm=[1, 0, 2]),
    ]
    file = foreign.write(
        tmp_path / "f.onnx", nodes, {"x": ["b", "t", 3]}, {"y": ["b", "n", 4]}, weights | _cut(before, after)
    )
    foreign.convert(file, tmp_path / "m.onnx", trust="strict")
    x = torch.randn(1, 20, 3)
    expected = layer(x[:, before : after or None])[0][0].detach().numpy()
    foreign.streams_as(tmp_path / "m.onnx", x[0].numpy(), expected)


def _summed(*nodes: onnx.NodeProto) -> list[onnx.NodeProto]:
    return [*nodes, node("ReduceSum", ["s"], ["all"], keepdims=0), node("Add", ["x", "all"], ["y"])]


ENDS: dict[str, tuple[list[onnx.NodeProto], dict[str, Any]]] = {
    "an index before the batch": (
        _summed(node("GatherND", ["x", "ids"], ["s"], batch_dims=-2)),
        {"ids": np.array([[0]])},
    ),
    "the least number by -1": (
        _summed(node("Div", ["least", "minus"], ["q"]), node("Cast", ["q"], ["s"], to=1)),
        {"least": np.array([LEAST]), "minus": np.array([-1])},
    ),
    "the least number of the run": (
        _summed(
            node("Cast", ["x"], ["i"], to=7),
            node("Mul", ["i", "zero"], ["z"]),
            node("Add", ["z", "least"], ["l"]),
            node("Div", ["l", "minus"], ["q"]),
            node("Cast", ["q"], ["s"], to=1),
        ),
        {"least": np.array([LEAST]), "minus": np.array([-1]), "zero": np.array([0])},
    ),
    "channels of no frame": (
        _summed(
            node("Slice", ["x", "from", "to", "axis"], ["cut"]),
            node("Transpose", ["cut"], ["t"], perm=[0, 2, 1]),
            node("InstanceNormalization", ["t", "scale", "scale"], ["s"]),
        ),
        {**_cut(4, 0), "scale": np.ones(3, np.float32)},
    ),
}


@pytest.mark.parametrize("what", ENDS)
def test_a_source_that_would_end_the_process_is_refused(what: str, tmp_path: Path) -> None:
    """By a process of its own, or by a node in front of the one that ends it."""
    nodes, weights = ENDS[what]
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": ["b", "t", 3]}, {"y": ["b", "t", 3]}, weights)
    with pytest.raises(ModelRefused):
        foreign.convert(file, tmp_path / "m.onnx", trust="strict")


def _graph(nodes: list[onnx.NodeProto], names: list[str], shape: list[int], **constants: Any) -> onnx.ModelProto:
    given = [helper.make_tensor_value_info(name, foreign.FLOAT, shape) for name in names]
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    made = [helper.make_empty_tensor_value_info(name) for one in nodes for name in one.output]
    graph = helper.make_graph(nodes, "g", given, made, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_runs_in_another_process_carry_their_states() -> None:
    """A sum of three calls that begins with the second one, beside numpy."""
    graph = _graph([node("Add", ["x", "state"], ["sum"]), node("Neg", ["sum"], ["minus"])], ["x", "state"], [2])
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    found = run_apart(graph, {"x": x}, 3, [Carried("state", "sum", np.full(2, 0.5, np.float32), 1)])
    # The first call is thrown away: the second one begins with the first state again.
    expected = np.stack([x[0], x[1], x[1] + x[2]]) + np.float32(0.5)
    np.testing.assert_array_equal(found, [expected, -expected])


def test_how_another_process_ended_is_told() -> None:
    """A kernel that ends it, a graph that is refused, a run that fails."""
    ending = _graph([node("GatherND", ["x", "ids"], ["s"], batch_dims=-2)], ["x"], [2, 3, 4], ids=np.array([[0]]))
    with pytest.raises(ProcessEnded, match=r"^signal \d+$"):
        run_apart(ending, {"x": np.zeros((1, 2, 3, 4), np.float32)}, 1)
    with pytest.raises(RunFailed, match="Nothing"):
        run_apart(_graph([node("Nothing", ["x"], ["s"])], ["x"], [2]), {"x": np.zeros((1, 2), np.float32)}, 1)
    with pytest.raises(RunFailed, match="Got: 3 Expected: 2"):
        run_apart(_graph([node("Neg", ["x"], ["s"])], ["x"], [2]), {"x": np.zeros((1, 3), np.float32)}, 1)


def test_a_search_for_the_reason_that_ends_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure itself is told as ever, with what became of the search."""
    quickly.export(nn.Linear(3, 3), torch.zeros(1, 4, 3), tmp_path / "m.onnx", effort=QUICK)
    monkeypatch.setattr(runs_apart, "_SECONDS", 0.5)
    for program, how in (("os.abort()", "signal 6"), ("time.sleep(60)", "killed, or no end after 0.5 s")):
        monkeypatch.setattr(runs_apart, "_RUN", f"import os, time; {program}")
        found = rnnedge_export.verify(tmp_path / "m.onnx", nn.Linear(3, 3), effort=QUICK)
        first = next(check for check in found.checks if not check.passed)
        assert (
            first.node == f"onnxruntime ended the process in which the first node that differs was looked for ({how})"
        )
