"""Networks whose export is measured: each of another kind, of realistic size, with seeded weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from examples.networks import keyword_spotter
from examples.networks.seeded import seeded


@dataclass(frozen=True)
class Case:
    """A network by its `build`, and the axis of time in its input."""

    build: Callable[[], tuple[nn.Module, Tensor]]
    time_axis: int = 1


class Dilated(nn.Module):
    """Convolutions of kernel 3, each twice as dilated: a field of 2 ** (layers + 1) - 1 frames. Valid, or causal."""

    def __init__(self, layers: int, channels: int = 10, *, causal: bool = True) -> None:
        super().__init__()
        self.first, self.last = nn.Conv1d(1, channels, 1), nn.Conv1d(channels, 1, 1)
        self.convs = nn.ModuleList(nn.Conv1d(channels, channels, 3, dilation=2**i) for i in range(layers))
        self.field = 2 * (2**layers - 1)
        self.causal = causal

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(functional.pad(x, (self.field, 0)) if self.causal else x)
        for conv in self.convs:
            z = torch.tanh(conv(x))
            x = x[:, :, -z.shape[2] :] + z
        return self.last(x)


class Windowed(nn.Module):
    """A Conformer's block (Gulati et al., 2020): attention over the last 64 frames, a causal depthwise convolution."""

    def __init__(self, width: int = 144, heads: int = 4, kernel: int = 15, window: int = 64) -> None:
        super().__init__()
        self.heads, self.front, self.window = heads, kernel - 1, window
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(5))
        self.feeds = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width)) for _ in range(2)
        )
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.gate, self.mix = nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.conv = nn.Conv1d(width, width, kernel, groups=width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + 0.5 * self.feeds[0](self.norms[0](x))
        x = x + self._attend(self.norms[1](x))
        y = functional.glu(self.gate(self.norms[2](x)), -1).transpose(1, 2)
        y = functional.silu(self.conv(functional.pad(y, (self.front, 0)))).transpose(1, 2)
        x = x + self.mix(self.norms[3](y))
        return x + 0.5 * self.feeds[1](self.norms[4](x))

    def _attend(self, x: Tensor) -> Tensor:
        batch, time, width = x.shape
        q, k, v = (a.view(batch, time, self.heads, -1).transpose(1, 2) for a in self.qkv(x).chunk(3, -1))
        age = torch.arange(time)[:, None] - torch.arange(time)[None, :]
        seen = (age >= 0) & (age < self.window)
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        return self.out(y.transpose(1, 2).reshape(batch, time, width))


class Conformer(nn.Module):
    """Four such blocks."""

    def __init__(self, blocks: int = 4) -> None:
        super().__init__()
        self.front, self.blocks = nn.Linear(80, 144), nn.Sequential(*(Windowed() for _ in range(blocks)))
        self.head = nn.Linear(144, 40)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.front(x)))


class ComplexDenoiser(nn.Module):
    """A complex mask for a short-time spectrum, and back to samples."""

    def __init__(self, size: int = 320) -> None:
        super().__init__()
        self.size, bands = size, size // 2 + 1
        self.gru, self.mask = nn.GRU(bands, 128, 2, batch_first=True), nn.Linear(128, 2 * bands)
        self.register_buffer("window", torch.hann_window(size))

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.stft(
            x, self.size, self.size // 2, window=self.window, center=True, pad_mode="constant", return_complex=True
        )
        y = self.gru(torch.log1p(spectrum.abs()).transpose(1, 2))[0]
        real, imaginary = torch.tanh(self.mask(y)).transpose(1, 2).chunk(2, 1)
        return torch.istft(
            spectrum * torch.complex(real, imaginary), self.size, self.size // 2, window=self.window, center=True
        )


class Loop(nn.Module):
    """A gated cell in a Python loop over frames."""

    def __init__(self, size: int = 40, hidden: int = 64) -> None:
        super().__init__()
        self.new, self.gate, self.hidden = nn.Linear(size + hidden, hidden), nn.Linear(size + hidden, hidden), hidden

    def forward(self, x: Tensor) -> Tensor:
        h, found = x.new_zeros(x.shape[0], self.hidden), []
        for t in range(x.shape[1]):
            both = torch.cat([x[:, t], h], -1)
            gate = torch.sigmoid(self.gate(both))
            h = gate * h + (1 - gate) * torch.tanh(self.new(both))
            found.append(h)
        return torch.stack(found, 1)


class LargeLstm(nn.Module):
    """17.6 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(240, 1024, 2, batch_first=True), nn.Linear(1024, 4000)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(x)[0])


class Block(nn.Module):
    """A causal convolution, a gate, a residual."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.front = 2 * dilation
        self.conv, self.point = (
            nn.Conv1d(channels, 2 * channels, 3, dilation=dilation),
            nn.Conv1d(channels, channels, 1),
        )
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.glu(self.conv(functional.pad(x, (self.front, 0))), 1)
        return x + functional.elu(self.norm(self.point(y)))


class UNet(nn.Module):
    """About 400 nodes: four stages down and up by 2, four blocks each, skips between."""

    def __init__(self, stages: int = 4, channels: int = 16, blocks: int = 4) -> None:
        super().__init__()
        self.first = nn.Conv1d(1, channels, 1)
        self.down = nn.ModuleList(nn.Conv1d(channels, channels, 2, 2) for _ in range(stages))
        self.up = nn.ModuleList(nn.ConvTranspose1d(channels, channels, 2, 2) for _ in range(stages))
        each = [nn.Sequential(*(Block(channels, 2**i) for i in range(blocks))) for _ in range(2 * stages + 1)]
        self.before, self.middle = nn.ModuleList(each[:stages]), each[stages]
        self.after, self.last = nn.ModuleList(each[stages + 1 :]), nn.Conv1d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x, skips = self.first(x), []
        for block, down in zip(self.before, self.down, strict=True):
            x = block(x)
            skips.append(x)
            x = down(x)
        x = self.middle(x)
        for block, up in zip(self.after, self.up, strict=True):
            x = block(up(x) + skips.pop())
        return self.last(x)


def _case(make: Callable[[], nn.Module], *shape: int, time_axis: int = 1) -> Case:
    return Case(partial(seeded, make, shape), time_axis)


CASES: dict[str, Case] = {
    "keyword spotter, convolution and GRU": Case(keyword_spotter.build),
    "dilated, field of 31": _case(partial(Dilated, 4), 1, 1, 80, time_axis=2),
    "dilated, field of 511": _case(partial(Dilated, 8), 1, 1, 80, time_axis=2),
    "dilated, field of 4,095": _case(partial(Dilated, 11), 1, 1, 80, time_axis=2),
    "valid, field of 4,095": _case(partial(Dilated, 11, causal=False), 1, 1, 4200, time_axis=2),
    "Conformer, window of 64": _case(Conformer, 1, 100, 80),
    "complex spectral denoiser": _case(ComplexDenoiser, 1, 3200),
    "Python loop of 100 frames": _case(Loop, 1, 100, 40),
    "LSTM, 17.6 million parameters": _case(LargeLstm, 1, 20, 240),
    "U-Net, 400 nodes": _case(UNet, 1, 1, 160, time_axis=2),
}
