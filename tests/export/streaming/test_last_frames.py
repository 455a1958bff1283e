"""The last frame of a sequence, cut out by its length: repeated behind it, and as a summary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge_runtime import load


def _expanded(x: Tensor) -> Tensor:
    n = x.shape[1]
    blocks = (n + 3) // 4
    return torch.cat([x, x[:, n - 1 :].expand(x.shape[0], blocks * 4 - n, x.shape[2])], 1)


def _repeated(x: Tensor) -> Tensor:
    return torch.cat([x, x[:, -1:].repeat(1, -x.shape[1] % 4, 1)], 1)


class Blocks(nn.Module):
    """(batch, time, 3) -> a mean of four frames in a row, of a sequence that `filled` makes whole blocks of."""

    def __init__(self, filled: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.filled, self.gru = filled, nn.GRU(3, 3, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.filled(self.gru(x)[0])
        return y.reshape(x.shape[0], y.shape[1] // 4, 4, 3).mean(2)


@pytest.mark.parametrize("filled", [_expanded, _repeated])
def test_the_last_frame_is_repeated_behind_it(filled: Callable[[Tensor], Tensor], tmp_path: Path) -> None:
    """At every remainder."""
    torch.manual_seed(0)
    module = Blocks(filled).eval()
    quickly.export(module, torch.randn(1, 14, 3), tmp_path / "m.onnx")
    model = load(tmp_path / "m.onnx")
    for length in range(20, 24):
        x = torch.randn(1, length, 3)
        stream, frames = model.stream(), x[0].numpy()
        parts = [stream.push(frames[:7]), stream.push(frames[7:]), stream.finish()]
        with torch.no_grad():
            np.testing.assert_allclose(np.concatenate(parts), module(x)[0].numpy(), rtol=0, atol=1e-6)


class Last(nn.Module):
    """(batch, time, 3) -> (batch, 1, 3): the last frame, taken by its number."""

    def __init__(self, taken: Callable[[Tensor, int], Tensor]) -> None:
        super().__init__()
        self.gru, self.taken = nn.GRU(3, 3, batch_first=True), taken

    def forward(self, x: Tensor) -> Tensor:
        y = self.gru(x)[0]
        return torch.tanh(self.taken(y, x.shape[1]))


_TAKEN: list[Callable[[Tensor, int], Tensor]] = [
    lambda y, n: y[:, n - 1 :],
    lambda y, n: y[:, n - 1].unsqueeze(1),
    lambda y, n: y.index_select(1, torch.tensor([n - 1])),
    lambda y, n: y.narrow(1, n - 1, 1),
    lambda y, n: y[:, [-1]],
]


@pytest.mark.parametrize("taken", [*_TAKEN[:3], *(pytest.param(each, marks=pytest.mark.long) for each in _TAKEN[3:])])
def test_the_last_frame_is_a_summary(taken: Callable[[Tensor, int], Tensor], tmp_path: Path) -> None:
    """As `y[:, -1:]` is."""
    torch.manual_seed(0)
    module, x = Last(taken).eval(), torch.randn(1, 11, 3)
    quickly.export(module, torch.randn(1, 14, 3), tmp_path / "m.onnx")
    stream = load(tmp_path / "m.onnx").stream()
    found = np.concatenate([stream.push(x[0].numpy()), stream.finish()])
    np.testing.assert_allclose(found[-1], module(x)[0].detach().numpy(), rtol=0, atol=1e-6)
