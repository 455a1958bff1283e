"""Recognise speech: convolutions that keep one frame of four, projected LSTMs, log probabilities of 29 symbols.

Run it: `rnnedge export examples.networks.ctc_tagger:build -o ctc-tagger.onnx`
"""

from __future__ import annotations

from torch import Tensor, nn

from examples.networks.seeded import seeded


class CtcTagger(nn.Module):
    """Convolutions that keep one frame of four, projected LSTMs, log probabilities of 29 symbols."""

    def __init__(self, bands: int = 80, hidden: int = 256, symbols: int = 29) -> None:
        super().__init__()
        self.front = nn.Sequential(
            nn.Conv1d(bands, 128, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv1d(128, 128, 3, stride=2, padding=1),
            nn.GELU(),
        )
        self.lstm = nn.LSTM(128, hidden, 2, batch_first=True, proj_size=128)
        self.norm = nn.LayerNorm(128)
        self.head = nn.Linear(128, symbols)

    def forward(self, x: Tensor) -> Tensor:
        z = self.front(x.transpose(1, 2)).transpose(1, 2)
        return self.head(self.norm(self.lstm(z)[0])).log_softmax(-1)


def build() -> tuple[nn.Module, Tensor]:
    """With seeded weights, and an example: (1, 41, 80) float32, frames of 80 mel energies, one every 10 ms."""
    return seeded(CtcTagger, (1, 41, 80))
