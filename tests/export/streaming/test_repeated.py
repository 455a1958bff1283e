"""Constants that are as many as there are frames, and an operator that joins frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from shares import one_in
from torch import Tensor, nn
from torch.nn import functional

from rnnedge_runtime import load


class Gated(nn.Module):
    """Frames, times what `function` makes of constants."""

    def __init__(self, function: Callable[[Gated, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.gru, self.conv = nn.GRU(6, 6, batch_first=True), nn.Conv1d(6, 6, 3)
        self.token = nn.Parameter(torch.randn(1, 1, 6))

    def forward(self, x: Tensor) -> Tensor:
        """Of (batch, time, 6)."""
        return x * self.function(self, x)


def _learned(net: Gated, x: Tensor) -> Tensor:
    y: Tensor = net.gru(net.token.expand(x.shape[0], x.shape[1], 6))[0]
    return y


def _window(net: Gated, x: Tensor) -> Tensor:
    y: Tensor = net.conv(functional.pad(torch.ones_like(x).transpose(1, 2), (2, 0)))
    return y.transpose(1, 2)


def _total(net: Gated, x: Tensor) -> Tensor:
    return torch.cumsum(2 * torch.ones_like(x), 1)


def _product(net: Gated, x: Tensor) -> Tensor:
    return torch.cumprod(0 * x + 0.999, 1)


@pytest.mark.parametrize("form", one_in(2, ["native", "step"]))
@pytest.mark.parametrize("function", [_learned, _window, _total, _product], ids=lambda each: each.__name__[1:])
def test_frames_of_one_constant_are_joined(
    function: Callable[[Gated, Tensor], Tensor], form: str, tmp_path: Path
) -> None:
    """A window meets the padding in front, a recurrence and a total go on with every call."""
    torch.manual_seed(0)
    net, x = Gated(function).eval(), torch.randn(1, 40, 6)
    quickly.export(net, x, tmp_path / "m.onnx", form=form)
    stream = load(tmp_path / "m.onnx", trust="local").stream()
    frames = x[0].numpy()
    found = np.concatenate(
        [stream.push(frames[:3]), stream.push(frames[3:4]), stream.push(frames[4:]), stream.finish()]
    )
    with torch.no_grad():
        np.testing.assert_allclose(found, net(x)[0].numpy(), rtol=1e-5, atol=1e-5)
