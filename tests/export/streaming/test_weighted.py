"""Attention pooling, a mean over time with weights of a softmax over time, is a summary."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnedge_runtime import ModelRefused, load

F = 4


class Pooled(nn.Module):
    """A recurrence, pooled by attention in several spellings."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.gru, self.score, self.heads = nn.GRU(3, F, batch_first=True), nn.Linear(F, 1), nn.Linear(F, 2)
        self.context, self.way = nn.Parameter(torch.randn(F)), way

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """(batch, time, 3) -> a vector per sequence."""
        y = self.gru(x)[0]
        if self.way == "statistics":
            weights = functional.softmax(100 * self.score(torch.tanh(y)), 1)
            mean = (weights * y).sum(1)
            return torch.cat([mean, ((weights * y * y).sum(1) - mean * mean).clamp(min=1e-4).sqrt()], 1)
        if self.way == "a vector":
            return torch.sum(y * functional.softmax(y @ self.context, 1).unsqueeze(-1), dim=1)
        if self.way == "heads":
            return torch.bmm(torch.softmax(self.heads(y), 1).transpose(1, 2), y).flatten(1)
        if self.way == "after a stride":
            z = functional.max_pool1d(y.transpose(1, 2), 2)
            return torch.bmm(z, torch.softmax(z.mean(1, keepdim=True), 2).transpose(1, 2)).squeeze(2)
        weights = torch.softmax(self.score(y), 1)
        return (weights * y).sum(1), weights


@pytest.mark.parametrize("way", ["statistics", "a vector", "heads", "after a stride"])
def test_attention_pooling_is_a_summary(way: str, tmp_path: Path) -> None:
    """In calls of any size; scores that fall and rise by hundreds keep what went before."""
    torch.manual_seed(0)
    module, x = Pooled(way).eval(), torch.randn(1, 26, 3)
    quickly.export(module, x[:, :12], tmp_path / "m.onnx")
    with torch.no_grad():
        expected = module(x)[0].numpy()
    for call in (1, 7, 26):
        stream = load(tmp_path / "m.onnx").stream()
        parts = [stream.push(x[0, t : t + call].numpy()) for t in range(0, 26, call)]
        np.testing.assert_allclose([*parts, stream.finish()][-1][-1], expected, rtol=0, atol=1e-5)


def test_weights_over_time_are_no_output(tmp_path: Path) -> None:
    """They are known at the end of the sequence only."""
    with pytest.raises(ModelRefused, match="normalizes over time"):
        quickly.export(Pooled("with its weights").eval(), torch.randn(1, 12, 3), tmp_path / "m.onnx")
