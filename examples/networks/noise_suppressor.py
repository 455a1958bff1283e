"""Suppress noise: gains of 22 bands and the probability of speech, from GRUs at three rates.

Run it: `rnnedge export examples.networks.noise_suppressor:build -o noise-suppressor.onnx`
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from examples.networks.seeded import seeded


class NoiseSuppressor(nn.Module):
    """Gains of bands and a voice probability from GRUs that see each other's inputs (Valin, 2018; Valin et al., 2020).

    Three groups of bands: the lowest updated every frame, the others after averaging two and four.
    """

    def __init__(self, features: int = 42, hidden: int = 96) -> None:
        super().__init__()
        self.dense = nn.Linear(features, hidden)
        self.conv = nn.Conv1d(hidden, hidden, 5)
        self.voice = nn.GRU(hidden, 24, batch_first=True)
        self.groups = nn.ModuleList(nn.GRU(hidden + 24, hidden, batch_first=True) for _ in range(3))
        self.gains = nn.ModuleList(nn.Linear(hidden, bands) for bands in (10, 7, 5))
        self.speech = nn.Linear(24, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        z = torch.tanh(self.dense(x))
        z = torch.tanh(self.conv(functional.pad(z.transpose(1, 2), (4, 0)))).transpose(1, 2)
        voice, _ = self.voice(z)
        both = torch.cat([z, voice], -1)
        gains = []
        for rate, group, gain in zip((1, 2, 4), self.groups, self.gains, strict=True):
            slow = functional.avg_pool1d(both.transpose(1, 2), rate).transpose(1, 2) if rate > 1 else both
            g = torch.sigmoid(gain(group(slow)[0]))
            gains.append(functional.interpolate(g.transpose(1, 2), scale_factor=float(rate)).transpose(1, 2))
        least = 4 * (x.shape[1] // 4)
        return {"gains": torch.cat([g[:, :least] for g in gains], -1), "speech": torch.sigmoid(self.speech(voice))}


def build() -> tuple[nn.Module, Tensor]:
    """With seeded weights, and an example: (1, 40, 42) float32, frames of 42 features, one every 10 ms."""
    return seeded(NoiseSuppressor, (1, 40, 42))
