"""A kernel whose later half a mask has set to zero waits for no frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
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


class Short(nn.Conv1d):
    """Its last taps are zeros; as long as x it stands next to x."""

    def __init__(self, size: int, padding: int, dilation: int, taps: int) -> None:
        super().__init__(2, 2, size, padding=padding, dilation=dilation)
        self.weight.data[..., taps:] = 0

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 2, time), both."""
        y = super().forward(x)
        return y + x if y.shape == x.shape else y


@pytest.mark.parametrize(("module", "waits"), [(Short(5, 3, 2, 3), 2), (Short(5, 2, 1, 0), 0), (Short(6, 1, 1, 4), 3)])
def test_taps_over_no_padding_wait_for_the_length_alone(module: Short, waits: int, tmp_path: Path) -> None:
    """Padding that is no multiple of the distance of taps, a kernel of zeros, less padding than zeros.

    A result of three frames less waits for three: the sequence may end.
    """
    x = torch.randn(1, 2, 24)
    assert quickly.export(module, x, tmp_path / "m.onnx", time_axis=2).contract.lookahead == waits
    stream = load(tmp_path / "m.onnx").stream()
    found = np.concatenate([stream.push(x[0].T.numpy()), stream.finish()])
    np.testing.assert_allclose(found, module(x)[0].T.detach().numpy(), rtol=0, atol=1e-6)
