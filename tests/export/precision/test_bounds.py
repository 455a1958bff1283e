"""Proven ranges hold for what onnxruntime computes."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import quickly
import torch
from exported import export_network
from torch import nn

from examples.networks import small as networks
from rnnedge_export.precision.bounds import bounds_of
from rnnedge_runtime import load
from rnnedge_runtime.engines.onnx_runtime import onnxruntime

LOUD = 50.0


def proven(path: str) -> tuple[ir.Model, dict[ir.Value, tuple[float, float]]]:
    """The graph of a file, and what it proves."""
    model = ir.from_proto(onnx.load(path))
    return model, bounds_of(model, load(path).contract.states)


@pytest.mark.parametrize("name", ["gru-2", "lstm-2", "rnn_relu-1", "both", "learned-start", "shapes"])
def test_no_value_of_a_loud_stream_leaves_its_proven_range(name: str, tmp_path: object) -> None:
    """Every value with a range, made an output of the graph, stays within it over 200 frames of very large input."""
    made = export_network(name, "step", tmp_path)  # type: ignore[arg-type]
    path = str(made.path)
    model, ranges = proven(path)
    inner = {v: r for v, r in ranges.items() if v.producer() is not None and not v.is_graph_output()}
    assert inner
    model.graph.outputs.extend(inner)
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString(), providers=["CPUExecutionProvider"])
    contract = load(path).contract
    rng = np.random.default_rng(0)
    states = {}
    for s in contract.states:
        shape = [1 if isinstance(d, str) else d for d in s.shape]
        states[s.input] = np.broadcast_to(np.asarray(s.initial, s.dtype), shape).copy()
    port = contract.inputs[0]
    for _ in range(200):
        shape = [1 if isinstance(d, str) else d for d in port.shape]
        x = rng.standard_normal(shape).astype(np.float32) * LOUD
        names = [o.name for o in session.get_outputs()]
        found = dict(zip(names, session.run(None, {port.name: x, **states}), strict=True))
        for value, (low, high) in inner.items():
            array = found[str(value.name)]
            assert low - 1e-6 <= array.min() and array.max() <= high + 1e-6, value.name
        states = {s.input: found[s.output] for s in contract.states}


@pytest.mark.parametrize("cell", [nn.GRU, nn.LSTM, nn.RNN])
@pytest.mark.parametrize("form", ["step", "scan", "unrolled", "native"])
def test_a_hidden_state_is_between_minus_one_and_one(cell: type[nn.RNNBase], form: str, tmp_path: object) -> None:
    """Of every cell in every form; the cell state of an LSTM has no range."""
    module = _Plain(cell)
    path = f"{tmp_path}/m.onnx"
    quickly.export(module, torch.randn(1, 8, 5), path, form=form)
    model, ranges = proven(path)
    outputs = {str(v.name): v for v in model.graph.outputs}
    assert ranges[outputs["rnn.l0.h_next"]] == (-1.0, 1.0)
    if cell is nn.LSTM:
        assert outputs["rnn.l0.c_next"] not in ranges


class _Plain(nn.Module):
    def __init__(self, cell: type[nn.RNNBase]) -> None:
        super().__init__()
        self.rnn = cell(5, 6, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rnn(x)[0]


def test_a_learned_start_widens_the_range(tmp_path: object) -> None:
    """A state that begins at 3 lies between -1 and 3, so nothing of it is cut off."""
    module = networks.LearnedStart()
    with torch.no_grad():
        module.h0.fill_(3.0)
    path = f"{tmp_path}/m.onnx"
    quickly.export(module, torch.randn(1, 8, networks.FEATURES), path, form="step")
    model, ranges = proven(path)
    low, high = ranges[next(v for v in model.graph.outputs if v.name == "gru.l0.h_next")]
    assert low == -1.0
    assert high == pytest.approx(3.0)
