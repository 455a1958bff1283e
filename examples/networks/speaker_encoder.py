"""Recognise a speaker: three LSTM layers, and one unit vector at the end of the utterance.

Run it: `rnnedge export examples.networks.speaker_encoder:build -o speaker-encoder.onnx`
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from examples.networks.seeded import seeded


class SpeakerEncoder(nn.Module):
    """Three LSTM layers, the last state projected to a unit vector (Wan et al., 2018)."""

    def __init__(self, bands: int = 40, hidden: int = 256) -> None:
        super().__init__()
        self.lstm = nn.LSTM(bands, hidden, 3, batch_first=True)
        self.linear = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        _, (h, _) = self.lstm(x)
        return functional.normalize(functional.relu(self.linear(h[-1])), dim=1)


def build() -> tuple[nn.Module, Tensor]:
    """With seeded weights, and an example: (1, 40, 40) float32, frames of 40 mel energies, one every 10 ms."""
    return seeded(SpeakerEncoder, (1, 40, 40))
