"""Spot keywords: a convolution over mel energies, two GRU layers, a posterior for every second frame.

Run it: `rnnedge export examples.networks.keyword_spotter:build -o keyword-spotter.onnx`
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from examples.networks.seeded import seeded


class KeywordSpotter(nn.Module):
    """Convolutional recurrent network (Arik et al., 2017): 40 mel bands, 10 ms; a posterior per strided frame."""

    def __init__(self, bands: int = 40, channels: int = 32, hidden: int = 64, words: int = 12) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, channels, (5, 20), stride=(2, 8))
        self.norm = nn.BatchNorm2d(channels)
        self.rnn = nn.GRU(channels * ((bands - 20) // 8 + 1), hidden, 2, batch_first=True)
        self.head = nn.Sequential(nn.Linear(hidden, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, words))

    def forward(self, x: Tensor) -> Tensor:
        z = functional.pad(x.unsqueeze(1), (0, 0, 4, 0))
        z = functional.relu(self.norm(self.conv(z)))
        z = z.permute(0, 2, 1, 3).flatten(2)
        return self.head(self.rnn(z)[0])


def build() -> tuple[nn.Module, Tensor]:
    """With seeded weights, and an example: (1, 40, 40) float32, frames of 40 mel energies, one every 10 ms."""
    return seeded(KeywordSpotter, (1, 40, 40))
