"""Enhance speech by a complex mask: GRUs along frequency within a frame, and along time for every frequency.

Run it: `rnnedge export examples.networks.dual_path:build -o dual-path.onnx`
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from examples.networks.seeded import seeded


class DualPath(nn.Module):
    """A complex mask on a spectrum (after Rong et al., 2024).

    Twice: a recurrence along frequency, in both directions, within a frame, and one along time for every frequency.
    """

    def __init__(self, bins: int = 65, channels: int = 16, hidden: int = 16) -> None:
        super().__init__()
        self.enter = nn.Conv2d(2, channels, (3, 5), stride=(1, 2), padding=(0, 2))
        self.width = (bins + 1) // 2
        self.within = nn.ModuleList(
            nn.GRU(channels, hidden // 2, batch_first=True, bidirectional=True) for _ in range(2)
        )
        self.along = nn.ModuleList(nn.GRU(channels, hidden, batch_first=True) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm((self.width, channels)) for _ in range(4))
        self.leave = nn.ConvTranspose2d(channels, 2, (1, 5), stride=(1, 2), padding=(0, 2))

    def forward(self, x: Tensor) -> Tensor:
        spectrum = x.permute(0, 3, 1, 2)
        z = functional.relu(self.enter(functional.pad(spectrum, (0, 0, 2, 0)))).permute(0, 2, 3, 1)
        batch, time, width, channels = z.shape
        for i, (within, along) in enumerate(zip(self.within, self.along, strict=True)):
            y = within(z.reshape(batch * time, width, channels))[0].reshape(batch, time, width, -1)
            z = z + self.norms[2 * i](y)
            y = along(z.transpose(1, 2).reshape(batch * width, time, channels))[0]
            z = z + self.norms[2 * i + 1](y.reshape(batch, width, time, -1).transpose(1, 2))
        mask = torch.tanh(self.leave(z.permute(0, 3, 1, 2)))
        real, imaginary = spectrum.chunk(2, 1)
        a, b = mask.chunk(2, 1)
        return torch.cat([real * a - imaginary * b, real * b + imaginary * a], 1).permute(0, 2, 3, 1)


def build() -> tuple[nn.Module, Tensor]:
    """With seeded weights, and an example: (1, 20, 65, 2) float32, real and imaginary part of 65 bins, every 16 ms."""
    return seeded(DualPath, (1, 20, 65, 2))
