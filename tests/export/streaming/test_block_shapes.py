"""Segments of frames through a recurrence of their own, which starts from what is remembered of earlier segments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import quickly
import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnedge_runtime import load


class Segments(nn.Module):
    """(batch, time, 4), both; segments of 5 frames in the batch, as skipping-memory networks have them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.memory, self.second = (nn.GRU(4, 4, batch_first=True) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        batch, n, size = x.shape
        x = functional.pad(x, (0, 0, 0, 5 - n % 5)).view(batch, -1, 5, size)
        count = x.shape[1]
        y, last = self.first(x.reshape(batch * count, 5, size))
        kept = self.memory(last.transpose(0, 1).contiguous().view(batch, count, size))[0]
        start = torch.cat([torch.zeros_like(kept[:, :1]), kept[:, :-1]], 1).reshape(1, batch * count, size)
        y = self.second(y, start)[0]
        return y.reshape(batch, count * 5, size)[:, :n]


def test_a_segment_starts_from_what_is_remembered(tmp_path: Path) -> None:
    """At every remainder."""
    torch.manual_seed(0)
    module = Segments().eval()
    quickly.export(module, torch.randn(1, 15, 4), tmp_path / "m.onnx")
    model = load(tmp_path / "m.onnx")
    for length in range(20, 26):
        x = torch.randn(1, length, 4)
        stream, frames = model.stream(), x[0].numpy()
        parts = [stream.push(frames[:7]), stream.push(frames[7:]), stream.finish()]
        with torch.no_grad():
            np.testing.assert_allclose(np.concatenate(parts), module(x)[0].numpy(), rtol=0, atol=1e-6)
