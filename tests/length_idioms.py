"""Length arithmetic of published code around causal layers: branches cut to one length, ends padded to a multiple."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

C = 4


class ShorterBranch(nn.Module):
    """Valid convolutions whose skip connections are cut to the shorter one, in front and at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv1d(C, C, 3), nn.Conv1d(C, C, 3, dilation=2)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, time) -> (batch, channels, time - 6)."""
        y = torch.tanh(self.a(x))
        z = torch.tanh(self.b(y))
        n = min(y.shape[2], z.shape[2])
        late, m = y[:, :, -n:] + z[:, :, -n:], torch.sym_min(x.shape[2], n)
        return (late + x[..., :m]) * y.narrow(2, 1, n)


class FullWindows(nn.Module):
    """Strided convolutions that pad the end so that the last window is full, by three formulas."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv1d(C, C, 4, stride) for stride in (2, 2, 2))
        self.gru = nn.GRU(C, C, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, samples) -> (batch, frames, channels)."""
        for conv, extra in zip(
            self.convs, (lambda n: -int(n) % 2, lambda n: int((n + 1) / 2) * 2 - n, _windows), strict=True
        ):
            x = torch.tanh(conv(functional.pad(x, (2, extra(x.shape[-1])))))
        x = torch.cat([x, x.new_zeros(x.shape[0], C, -x.shape[2] % 2)], 2)[..., ::2]
        return self.gru(x.transpose(1, 2))[0]


class SubBands(nn.Module):
    """Every band with its neighbours, in blocks as long as the sequence, through one recurrence."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(3, C, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, bands, time) -> (batch, bands, channels, time)."""
        around = functional.pad(x[:, None], (0, 0, 1, 1), mode="reflect")
        blocks = functional.unfold(around, (3, x.shape[2]))
        each = blocks.reshape(x.shape[0], 3, x.shape[2], x.shape[1]).permute(0, 3, 2, 1).contiguous()
        y = self.gru(each.reshape(-1, x.shape[2], 3))[0]
        return y.reshape(x.shape[0], x.shape[1], x.shape[2], C).permute(0, 1, 3, 2)


class CountedByNumpy(nn.Module):
    """A running mean over channels, whose counts are an array of NumPy."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, time), both."""
        count = torch.from_numpy(np.arange(C, C * (x.shape[2] + 1), C)).type(x.type()).view(1, -1)
        return x - (x.sum(1).cumsum(1) / count)[:, None]


class TwoWaves(nn.Module):
    """Two inputs that meet as frames only."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(16, C, batch_first=True)

    def forward(self, near: Tensor, far: Tensor) -> Tensor:
        """(batch, samples) twice -> (batch, frames, channels)."""
        return self.gru(torch.cat([wave.unfold(-1, 8, 4).abs() for wave in (near, far)], -1))[0]


def _windows(n: Any) -> Any:
    return (math.ceil(math.ceil(n * 1) / 2 - 1 + 1) - 1) * 2 + 4 - 2 - n


class WholeBlocks(nn.Module):
    """Takes whole blocks only, and pads its output to the length of the input again."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv1d(C, C, 3, 3), nn.ConvTranspose1d(C, C, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, time), both."""
        y = self.up(torch.tanh(self.down(x[..., : x.shape[2] // 3 * 3])))
        return functional.pad(y, (0, x.shape[2] - y.shape[2])) + x


class Cropped(nn.Module):
    """An encoder and decoder whose skip connections and output are cut to what they meet."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(nn.Conv1d(C, C, 4, 2) for _ in range(2))
        self.up = nn.ModuleList(nn.ConvTranspose1d(C, C, 4, 2) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, time) -> (batch, channels, at most time)."""
        skips, y = [], x
        for down in self.down:
            y = torch.relu(down(y))
            skips.append(y)
        for up in self.up:
            y = up(y + skips.pop()[..., : y.shape[-1]])
        return y[..., : x.shape[-1]]


class FoldedZeros(nn.Module):
    """A recurrence over bands, every frame by itself, from zeros that are split into two states."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.GRU(1, 3, batch_first=True), nn.GRU(1, 3, batch_first=True)
        self.learned = nn.Parameter(torch.randn(1, 1, 2))
        self.out = nn.GRU(2 * 6 + 2, C, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, 4) -> (batch, time, channels); a learned value is repeated for every frame."""
        b, t, _ = x.shape
        left, right = torch.chunk(x.reshape(b * t, 2, 2), 2, -1)
        h, g = (part.contiguous() for part in torch.chunk(torch.zeros(1, b * t, 6), 2, -1))
        bands = torch.cat([self.a(left, h)[0], self.b(right, g)[0]], -1).reshape(b, t, 12)
        return self.out(torch.cat([bands, self.learned.repeat(b, t, 1)], -1))[0]


class Clip(nn.Module):
    """A convolution over bands and time, pooled over both: a summary of the sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool, self.out = nn.Conv2d(1, C, 3, padding=(1, 0)), nn.AdaptiveAvgPool2d(1), nn.Linear(C, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, bands, time) -> (batch, 3)."""
        return self.out(self.pool(torch.relu(self.conv(x[:, None]))).view(-1, C))


class Neighbours(nn.Module):
    """Bands with their neighbours side by side, as `nn.Unfold` gives them; every frame by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.unfold, self.gru = nn.Unfold((1, 3), padding=(0, 1)), nn.GRU(18, C, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, 6) -> (batch, time, channels)."""
        batch, time, bands = x.shape
        y = self.unfold(x[:, None]).view(batch, 3, time, bands)
        return self.gru(y.permute(0, 2, 1, 3).reshape(batch, time, 18))[0]


class OverlapAdd(nn.Module):
    """Frames that overlap by half, added up by `fold` along the first axis to a sequence as long as the input."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(8, 8, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, samples), both."""
        frames = self.gru(x.unfold(1, 8, 4))[0].transpose(1, 2)
        return functional.fold(frames, (x.shape[1], 1), (8, 1), stride=(4, 1)).reshape(x.shape[0], -1)


class BackToWaves(nn.Module):
    """(batch, samples) -> as many: a centered spectrum and back, cut in front and to the length of the input."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(32))

    def forward(self, x: Any) -> Any:
        spectrum = torch.stft(x, 32, 16, window=self.window, center=True, pad_mode="constant", return_complex=True)
        return torch.istft(spectrum * 0.5, 32, 16, window=self.window, center=True, length=x.shape[1])


class Between(nn.Module):
    """(batch, time, 4) -> three frames fewer: two are left out in front, and the last one."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(C, C, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.gru(x)[0][:, 2 : x.shape[1] - 1]
