"""Denoise audio, samples in and samples out: a U-Net of strided convolutions around an LSTM. Time is axis 2.

Run it: `rnnedge export examples.networks.waveform_denoiser:build -o waveform-denoiser.onnx --time-axis 2`
"""

from __future__ import annotations

from torch import Tensor, nn

from examples.networks.seeded import seeded


class WaveformDenoiser(nn.Module):
    """Strided convolutions down, an LSTM, transposed ones up, skip connections (Défossez, Synnaeve & Adi, 2020)."""

    def __init__(self, hidden: int = 32, depth: int = 4, kernel: int = 8, stride: int = 4) -> None:
        super().__init__()
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        ins = 1
        for layer in range(depth):
            outs = hidden * 2**layer
            self.down.append(
                nn.Sequential(nn.Conv1d(ins, outs, kernel, stride), nn.ReLU(), nn.Conv1d(outs, 2 * outs, 1), nn.GLU(1))
            )
            last = [] if layer == 0 else [nn.ReLU()]
            self.up.insert(
                0,
                nn.Sequential(
                    nn.Conv1d(outs, 2 * outs, 1), nn.GLU(1), nn.ConvTranspose1d(outs, ins, kernel, stride), *last
                ),
            )
            ins = outs
        self.lstm = nn.LSTM(ins, ins, 2)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for layer in self.down:
            x = layer(x)
            skips.append(x)
        x = self.lstm(x.permute(2, 0, 1))[0].permute(1, 2, 0)
        for layer in self.up:
            x = layer(x + skips.pop()[..., : x.shape[-1]])
        return x


def build() -> tuple[nn.Module, Tensor]:
    """With seeded weights, and an example: (1, 1, 2388) float32, samples at 16 kHz, (batch, channel, time)."""
    return seeded(WaveformDenoiser, (1, 1, 2388))
