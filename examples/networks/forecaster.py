"""Forecast the next day by the hour: an LSTM, attention over the last 48 steps, three quantiles.

Run it: `rnnedge export examples.networks.forecaster:build -o forecaster.onnx`
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from examples.networks.seeded import seeded


class Gated(nn.Module):
    """A gated linear unit around a residual, normalized (Lim et al., 2021)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate, self.norm = nn.Linear(width, 2 * width), nn.LayerNorm(width)

    def forward(self, y: Tensor, skip: Tensor) -> Tensor:
        return self.norm(functional.glu(self.gate(y), -1) + skip)


class Forecaster(nn.Module):
    """An LSTM, attention over the last 48 steps, gated residuals, three quantiles of the next 24 (Lim et al., 2021)."""

    def __init__(self, features: int = 8, width: int = 64, window: int = 48, horizon: int = 24) -> None:
        super().__init__()
        self.enter = nn.Linear(features, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.after = nn.ModuleList(Gated(width) for _ in range(2))
        self.head = nn.Linear(width, 3 * horizon)
        self.window = window

    def forward(self, x: Tensor) -> Tensor:
        z = self.enter(x)
        z = self.after[0](self.lstm(z)[0], z)
        index = torch.arange(x.shape[1])
        age = index[:, None] - index[None]
        y, _ = self.attention(z, z, z, attn_mask=(age < 0) | (age >= self.window), need_weights=False)
        return self.head(self.after[1](y, z)).unflatten(-1, (3, -1))


def build() -> tuple[nn.Module, Tensor]:
    """With seeded weights, and an example: (1, 60, 8) float32, steps of 8 features, one an hour."""
    return seeded(Forecaster, (1, 60, 8))
