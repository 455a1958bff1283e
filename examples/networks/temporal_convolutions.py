"""Classify every frame of a sensor with dilated causal convolutions: no recurrence at all.

Run it: `rnnedge export examples.networks.temporal_convolutions:build -o temporal-convolutions.onnx`
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from examples.networks.seeded import seeded


class TemporalBlock(nn.Module):
    """Two dilated causal convolutions and a residual (Bai, Kolter & Koltun, 2018)."""

    def __init__(self, ins: int, outs: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.reach = (kernel - 1) * dilation
        self.first = nn.utils.parametrizations.weight_norm(
            nn.Conv1d(ins, outs, kernel, padding=self.reach, dilation=dilation)
        )
        self.second = nn.utils.parametrizations.weight_norm(
            nn.Conv1d(outs, outs, kernel, padding=self.reach, dilation=dilation)
        )
        self.down = nn.Conv1d(ins, outs, 1) if ins != outs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.first(x)[..., : -self.reach])
        y = functional.relu(self.second(y)[..., : -self.reach])
        return functional.relu(y + self.down(x))


class TemporalConvolutions(nn.Module):
    """Seven blocks of dilation 1 to 64, 64 channels: a reach of 508 frames."""

    def __init__(self, features: int = 16, channels: int = 64, classes: int = 10) -> None:
        super().__init__()
        sizes = [features] + [channels] * 7
        self.blocks = nn.Sequential(*(TemporalBlock(a, b, 3, 2**i) for i, (a, b) in enumerate(pairwise(sizes))))
        self.head = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(x.transpose(1, 2)).transpose(1, 2))


def build() -> tuple[nn.Module, Tensor]:
    """With seeded weights, and an example: (1, 40, 16) float32, frames of 16 features, one every 10 ms."""
    return seeded(TemporalConvolutions, (1, 40, 16))
