"""A kernel whose later half a mask has set to zero waits for no frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import quickly
import torch
from torch import Tensor, nn

from rnnedge_runtime import load


class Masked(nn.Conv1d):
    """Padded on both sides, and causal by its mask, but for `late` taps."""

    def __init__(self, late: int, dilation: int) -> None:
        super().__init__(2, 2, 7, padding=3 * dilation, dilation=dilation)
        self.register_buffer("mask", (torch.arange(7) <= 3 + late).float())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 2, time), both."""
        weight = self.weight * self.mask
        return nn.functional.conv1d(x, weight, self.bias, padding=self.padding, dilation=self.dilation)


def test_masked_taps_are_not_waited_for(tmp_path: Path) -> None:
    """Two layers wait for the one tap of the second that is left; the values are those of PyTorch."""
    torch.manual_seed(0)
    module, x = nn.Sequential(Masked(0, 1), nn.ReLU(), Masked(1, 2)), torch.randn(1, 2, 24)
    report = quickly.export(module, x, tmp_path / "m.onnx", time_axis=2)
    assert report.contract.lookahead == 2
    stream = load(tmp_path / "m.onnx").stream()
    found = np.concatenate([stream.push(x[0].T.numpy()), stream.finish()])
    np.testing.assert_allclose(found, module(x)[0].T.detach().numpy(), rtol=0, atol=1e-6)
