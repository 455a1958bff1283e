"""A convolution that gives one frame a call becomes a product over the frames it reads, and stays equal."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import quickly
import torch
from torch import Tensor, nn
from torch.nn import functional


class Causal(nn.Module):
    """A causal convolution on (batch, time, channel)."""

    def __init__(self, kernel: int, dilation: int, groups: int = 1, bias: bool = True) -> None:
        super().__init__()
        self.reach = (kernel - 1) * dilation
        self.conv = nn.Conv1d(4, 6, kernel, dilation=dilation, groups=groups, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(functional.pad(x.transpose(1, 2), (self.reach, 0))).transpose(1, 2)


@pytest.mark.parametrize(("kernel", "dilation", "bias"), [(2, 1, True), (3, 1, False), (3, 4, True), (5, 2, False)])
def test_a_convolution_of_one_frame_is_one_product(kernel: int, dilation: int, bias: bool, tmp_path: Path) -> None:
    """No convolution is left; the cache has its frames in front of its channels."""
    report = quickly.export(Causal(kernel, dilation, bias=bias), torch.randn(1, 9, 4), tmp_path / "m.onnx", form="step")
    assert report.verification.max_error <= 1e-5
    kinds = {node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node}
    assert "Gemm" in kinds and "Conv" not in kinds
    assert report.contract.states[0].shape == ("batch", (kernel - 1) * dilation, 4)


def test_a_cache_that_starts_from_a_constant_is_turned_too(tmp_path: Path) -> None:
    """Padding with something else than zeros."""

    class Padded(Causal):
        def forward(self, x: Tensor) -> Tensor:
            y = torch.tanh(functional.pad(x.transpose(1, 2), (self.reach, 0), value=0.5) + torch.arange(4.0)[:, None])
            return self.conv(y).transpose(1, 2)

    report = quickly.export(Padded(3, 2), torch.randn(1, 9, 4), tmp_path / "m.onnx", form="step")
    assert report.verification.max_error <= 1e-5
    initial = report.contract.states[0].initial
    assert not isinstance(initial, float) and initial.shape == (1, 4, 4)


def test_groups_stay_a_convolution(tmp_path: Path) -> None:
    """A Gemm over all channels would be the wrong product."""
    report = quickly.export(Causal(3, 1, groups=2), torch.randn(1, 9, 4), tmp_path / "m.onnx", form="step")
    assert report.verification.max_error <= 1e-5
    assert report.contract.states[0].shape == ("batch", 4, 2)
