"""Totals of what other totals gate: far out a gate may close, and the other total grows no more, as in the source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import quickly
import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnedge_runtime import load


def _running(x: Tensor) -> Tensor:
    return x.cumsum(1) / torch.arange(1, x.shape[1] + 1).view(1, -1, 1)


class Gated(nn.Module):
    """Frames gated by their running mean, as cumulative squeeze and excitation does, and the mean of those."""

    def forward(self, x: Tensor) -> Tensor:
        return _running(x * functional.hardsigmoid(3 - 4 * _running(x)))


def test_a_gate_between_two_totals_is_no_defect(tmp_path: Path) -> None:
    """The proof jumps one total at a time."""
    x = torch.randn(1, 30, 3)
    quickly.export(Gated().eval(), x[:, :8], tmp_path / "net.onnx")
    np.testing.assert_allclose(load(tmp_path / "net.onnx").run(x[0].numpy()), Gated()(x)[0].numpy(), rtol=0, atol=2e-6)
