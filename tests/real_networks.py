"""Networks of the kinds that people ship, at realistic sizes, written for these tests after public descriptions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


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


class SpeakerEncoder(nn.Module):
    """Three LSTM layers, the last state projected to a unit vector (Wan et al., 2018)."""

    def __init__(self, bands: int = 40, hidden: int = 256) -> None:
        super().__init__()
        self.lstm = nn.LSTM(bands, hidden, 3, batch_first=True)
        self.linear = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        _, (h, _) = self.lstm(x)
        return functional.normalize(functional.relu(self.linear(h[-1])), dim=1)


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


@dataclass(frozen=True)
class Case:
    """A network, an example (batch, time, ...) or with time on another axis, and how long its frames are."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    time_axis: int = 1
    frame_rate_hz: float = 100.0

    def build(self) -> tuple[nn.Module, Tensor]:
        """Seeded weights, statistics of normalization that are not trivial, and a random example."""
        torch.manual_seed(7)
        module = self.make().eval()
        for layer in module.modules():
            if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None and layer.running_var is not None:
                layer.running_mean.normal_(0, 0.1)
                layer.running_var.uniform_(0.5, 1.5)
        return module, torch.randn(self.shape)


NETWORKS: dict[str, Case] = {
    "keyword-spotter": Case(KeywordSpotter, (1, 40, 40)),
    "noise-suppressor": Case(NoiseSuppressor, (1, 40, 42)),
    "temporal-convolutions": Case(TemporalConvolutions, (1, 40, 16)),
    "waveform-denoiser": Case(WaveformDenoiser, (1, 1, 2388), time_axis=2, frame_rate_hz=16000),
    "dual-path": Case(DualPath, (1, 20, 65, 2), frame_rate_hz=62.5),
    "speaker-encoder": Case(SpeakerEncoder, (1, 40, 40)),
    "ctc-tagger": Case(CtcTagger, (1, 41, 80)),
    "forecaster": Case(Forecaster, (1, 60, 8), frame_rate_hz=1 / 3600),
}
