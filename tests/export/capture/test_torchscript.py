"""TorchScript modules are exported: their graph is run while they are captured, and they are the oracle themselves."""

from __future__ import annotations

import math
from pathlib import Path

import foreign
import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

import rnnedge_export
from rnnedge.sources import load_source
from rnnedge_export.options import ExportOptions
from rnnedge_export.sources import of_module
from rnnedge_runtime import ModelRefused

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]
_X = torch.randn(2, 12, 6, generator=torch.Generator().manual_seed(0))


class Tagger(nn.Module):
    """A recurrence from zeros of the batch's size, a convolution with padding, a choice by a setting."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.rnn, self.norm = nn.Conv1d(6, 6, 3), nn.GRU(6, 8, 2, batch_first=True), nn.LayerNorm(8)
        self.normed = True

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, 6) -> (batch, time, 8)."""
        x = self.conv(nn.functional.pad(x.transpose(1, 2), (2, 0))).transpose(1, 2)
        y, _ = self.rnn(x, torch.zeros(2, x.size(0), 8))
        if self.normed:
            y = self.norm(y)
        return y


class Loop(nn.Module):
    """A cell in a loop over the frames, with a list of results."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.LSTMCell(6, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, 6) -> (batch, time, 3)."""
        h = c = torch.zeros(x.size(0), 8)
        found = []
        for t in range(x.size(1)):
            h, c = self.cell(x[:, t], (h, c))
            found.append(self.head(h))
        return torch.stack(found, dim=1)


@pytest.mark.parametrize("how", ["trace", "script"])
def test_layers_stay_native_operators(how: str) -> None:
    """A traced and a scripted GRU is the same operator as that of the module."""
    net = Tagger().eval()
    script = torch.jit.trace(net, _X) if how == "trace" else torch.jit.script(net)
    with of_module(script, _X, say=lambda stage: None) as session:
        candidate = session.candidate(ExportOptions(), "net")
    assert candidate.contract.inputs[0].name == "x"
    found = [node.op_type for node in onnx.load_from_string(candidate.data).graph.node]
    assert found.count("GRU") == 2 and not {"Scan", "Loop"} & set(found)


def test_a_loaded_loop_streams_as_the_script(tmp_path: Path) -> None:
    """A file of torch.jit.save is a SOURCE; its loop becomes a native LSTM, equal to the script itself."""
    torch.jit.script(Loop().eval()).save(str(tmp_path / "net.pt"))
    source = load_source(str(tmp_path / "net.pt"), None, None, ["1,12,6"])
    report = rnnedge_export.export(source.module, source.example, tmp_path / "net.onnx", effort=foreign.BRIEF)
    assert report.contract.states[0].shape[-1] == 8
    frames = np.random.default_rng(0).standard_normal((21, 6)).astype(np.float32)
    with torch.no_grad():
        expected = source.module(torch.from_numpy(frames)[None])[0].numpy()
    foreign.streams_as(tmp_path / "net.onnx", frames, expected)
    assert rnnedge_export.verify(tmp_path / "net.onnx", source.module, effort=foreign.BRIEF).passed


class Cut(nn.Conv1d):
    """Padding at both ends, of which what is too much is cut off again: a trace subtracts from the length."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, 6) -> (batch, time, 6)."""
        y = super().forward(x.transpose(1, 2))
        return y[..., : y.shape[2] - 2].transpose(1, 2)


class Even(nn.Module):
    """An even number of frames, by whole numbers of half the length."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, 6) -> (batch, time, 6)."""
        more = math.ceil(x.shape[1] / 2) + int(x.shape[1] / 1) - int(x.shape[1] / 2)
        y = nn.functional.pad(x, (0, 0, 0, more - x.shape[1] // 2))
        return torch.cumsum(y, 1)[:, : x.shape[1]]


@pytest.mark.parametrize("how", ["trace", "script"])
def test_arithmetic_with_lengths_keeps_them_open(how: str, tmp_path: Path) -> None:
    """A trace has it as operators of tensors, a script as those of numbers."""
    net = Cut(6, 6, 3, padding=2).eval() if how == "trace" else Even().eval()
    script = torch.jit.trace(net, _X) if how == "trace" else torch.jit.script(net)
    rnnedge_export.export(script, _X, tmp_path / "net.onnx", effort=foreign.BRIEF)
    frames = np.random.default_rng(0).standard_normal((21, 6)).astype(np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(frames)[None])[0].numpy()
    foreign.streams_as(tmp_path / "net.onnx", frames, expected)


def test_a_training_script_is_left_in_training() -> None:
    """Dropout is off in what is exported; the module keeps its mode."""
    script = torch.jit.script(nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5)))
    with of_module(script, _X, say=lambda stage: None) as session:
        graph = onnx.load_from_string(session.candidate(ExportOptions(), "net").data).graph
    assert {node.op_type for node in graph.node} <= {"MatMul", "Add", "Gemm"}
    assert script.training


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_an_operator_that_torch_has_not_is_named() -> None:
    """A quantized script has operators of its own, which no ONNX is written of."""
    script = torch.jit.script(torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(6, 6)), {nn.Linear}))
    with pytest.raises(ModelRefused, match=r"quantized::linear_dynamic, .* export the nn.Module"):  # noqa: SIM117
        with of_module(script, _X, say=lambda stage: None):
            pass


def test_what_is_no_script_is_refused(tmp_path: Path) -> None:
    """A missing file, weights, a whole module that is pickled, a program of torch.export: each with its remedy."""
    module = nn.Linear(3, 4)
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    torch.save(module, tmp_path / "whole.pt")
    torch.export.save(torch.export.export(module, (torch.zeros(1, 5, 3),)), tmp_path / "program.pt2")
    for name, words in (
        ("missing.pt", "found none there"),
        ("weights.pt", "found weights alone; .* --weights"),
        ("whole.pt", "a whole module or settings, which is code and is not run"),
        ("program.pt2", "a program of torch.export, for the lengths .* package.module:factory"),
    ):
        with pytest.raises(ModelRefused, match=words):
            load_source(str(tmp_path / name))
