"""Code of before PyTorch 0.4: tensors in Variables, and squeezes without an axis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn
from torch.autograd import Variable

from rnnedge_runtime import ModelRefused, load


class Loop(nn.Module):
    """A cell in a loop, whose state and mask are Variables."""

    def __init__(self, *, squeezes: bool) -> None:
        super().__init__()
        self.cell, self.eye, self.squeezes = nn.RNNCell(3, 3), Variable(torch.eye(3)), squeezes

    def forward(self, x: Tensor) -> Tensor:
        frames = torch.squeeze(x) if self.squeezes else x
        h, ys = Variable(torch.zeros(x.size(0), 3)), []
        for t in range(x.size(1)):
            h = self.cell(frames[:, t, :], h @ self.eye)
            ys.append(h)
        return torch.stack(ys, 1)


def test_a_variable_is_its_tensor(tmp_path: Path) -> None:
    """A state that begins as one is carried."""
    module, x = Loop(squeezes=False).eval(), torch.randn(1, 9, 3)
    quickly.export(module, x[:, :4], tmp_path / "net.onnx")
    with torch.no_grad():
        expected = module(x)[0].numpy()
    np.testing.assert_allclose(load(tmp_path / "net.onnx").run(x[0].numpy()), expected, rtol=0, atol=1e-6)


def test_what_fails_on_one_sequence_is_refused_before_its_capture(tmp_path: Path) -> None:
    """A squeeze without an axis takes the batch away."""
    said: list[str] = []
    with pytest.raises(
        ModelRefused, match=r"shape \(1, 4, 3\): .*; a stream is one sequence: give squeeze\(\) its axis"
    ):
        quickly.export(Loop(squeezes=True), torch.randn(2, 4, 3), tmp_path / "net.onnx", progress=said.append)
    assert said == ["capture"]
