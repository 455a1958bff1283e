"""Layers that stand in two places of a module, as `self.conv` and in `self.net`: each place is a name of theirs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import quickly
import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnedge_runtime import load


class Block(nn.Module):
    """A residual block whose first convolution and whose skip connection read the same frames."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.rnn = nn.Conv1d(3, 4, 3), nn.GRU(4, 4, batch_first=True)
        self.net = nn.Sequential(self.conv, nn.ReLU())
        self.layers = nn.ModuleList([self.rnn])
        self.skip = nn.Conv1d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        z = x.transpose(1, 2)
        z = self.net(functional.pad(z, (2, 0))) + self.skip(z)
        return self.layers[0](z.transpose(1, 2))[0]


def test_a_layer_may_be_called_by_either_name(tmp_path: Path) -> None:
    """The proof does not take the one for another layer that is given the same."""
    torch.manual_seed(0)
    module, x = Block().eval(), torch.randn(1, 20, 3)
    quickly.export(module, x[:, :8], tmp_path / "net.onnx")
    with torch.no_grad():
        expected = module(x)[0].numpy()
    np.testing.assert_allclose(load(tmp_path / "net.onnx").run(x[0].numpy()), expected, rtol=0, atol=2e-6)
