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


def _features(net: Gated, x: Tensor) -> Tensor:
    return net.token.expand_as(x)[..., 2:3]


def _heads(net: Gated, x: Tensor) -> Tensor:
    return (net.token.expand_as(x).view(*x.shape[:2], 2, 3) + 1).flatten(2)


def _change(net: Gated, x: Tensor) -> Tensor:
    return torch.diff(net.token.expand_as(x), dim=1, prepend=torch.zeros_like(x[:, :1]))


_FUNCTIONS = [_learned, _window, _total, _product, _features, _heads, _change]


@pytest.mark.parametrize("form", one_in(2, ["native", "step"]))
@pytest.mark.parametrize("function", _FUNCTIONS, ids=lambda each: each.__name__[1:])
def test_frames_of_one_constant_are_joined(
    function: Callable[[Gated, Tensor], Tensor], form: str, tmp_path: Path
) -> None:
    """A window meets the padding in front, a recurrence and a total go on; a cut of features is none of time."""
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
