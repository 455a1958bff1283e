"""How separation and enhancement networks cut waves into frames and add them up again, each as small as it shows."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

C = 4


class AddedByIndex(nn.Module):
    """Frames of two sources, added up by the numbers of their parts (Luo and Mesgarani, 2019)."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Conv1d(1, C, 12, 8), nn.Linear(C, 12)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, samples) -> (batch, 2, samples)."""
        z = torch.relu(self.encode(x[:, None]))
        frames = self.decode(torch.stack([z, z * z], 1).transpose(2, 3))
        part = math.gcd(12, 8)
        parts = (8 * (frames.shape[2] - 1) + 12) // part
        places = torch.arange(0, parts).unfold(0, 12 // part, 8 // part).contiguous().view(-1)
        whole = frames.new_zeros(*frames.shape[:2], parts, part)
        whole.index_add_(-2, places, frames.view(*frames.shape[:2], -1, part))
        y = whole.view(*frames.shape[:2], -1)
        return functional.pad(y, (0, x.shape[1] - y.shape[2]))


class WindowSquares(nn.Module):
    """Overlap-add, divided by that of the window's squares, which has no batch."""

    def __init__(self) -> None:
        super().__init__()
        self.bank = nn.Parameter(torch.randn(C, 1, 8))
        self.register_buffer("window", torch.hann_window(10)[None, 1:9, None])
        self.register_buffer("frame", torch.eye(8)[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, frames) -> (batch, 1, samples)."""
        y = functional.conv_transpose1d(x, self.bank, stride=4)
        squares = self.window.repeat(1, 1, x.size(-1)) ** 2
        total = functional.conv_transpose1d(squares, self.frame, stride=4)
        return (y / (total + 1e-8))[..., 4:-4].clamp_(-1, 1)


class SquaresOfAWindow(nn.Module):
    """Overlap-add, divided by that of the window's squares, of which `squeeze` leaves time only (Siuzdak, 2023)."""

    def __init__(self) -> None:
        super().__init__()
        self.bank = nn.Conv1d(C, 8, 1)
        self.register_buffer("window", torch.hann_window(10)[1:9])

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, frames) -> (batch, 1, samples)."""
        n = x.shape[-1]
        parts = {"output_size": (1, (n - 1) * 4 + 8), "kernel_size": (1, 8), "stride": (1, 4)}
        y = functional.fold(self.bank(x) * self.window[None, :, None], **parts)[:, 0, 0, 2:-2]
        squares = self.window.square().expand(1, n, -1).transpose(1, 2)
        total = functional.fold(squares, **parts).squeeze()[2:-2]
        assert (total > 1e-11).all()
        return (y / total)[:, None]


class AtLeastOneBlock(nn.Module):
    """The end is padded to the next length that the layers give back, at least one block (Defossez et al., 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([nn.Conv1d(1, C, 6, 2), nn.Conv1d(C, C, 6, 2)])
        self.up = nn.ModuleList([nn.ConvTranspose1d(C, C, 6, 2), nn.ConvTranspose1d(C, 1, 6, 2)])

    def valid_length(self, length: int) -> int:
        """The next one that the layers give back."""
        for _ in self.down:
            length = max(math.ceil((length - 6) / 2) + 1, 1)
        for _ in self.up:
            length = (length - 1) * 2 + 6
        return int(length)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, samples), both."""
        n, skips = x.shape[-1], []
        y = functional.pad(x, (0, self.valid_length(n) - n))
        for down in self.down:
            y = torch.relu(down(y))
            skips.append(y)
        for up in self.up:
            y = up(y + skips.pop()[..., : y.shape[-1]])
        return y[..., :n]


class BandsInTheBatch(nn.Module):
    """Bands of every frame through a layer for vectors: batch, time and band share an axis, and part again."""

    def __init__(self) -> None:
        super().__init__()
        self.over_time = nn.GRU(C, C, batch_first=True)
        self.over_bands, self.project = nn.GRU(C, C, batch_first=True, bidirectional=True), nn.Linear(2 * C, C)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, bands, channels), both."""
        b, t, k, c = x.shape
        y = self.over_time(x.transpose(1, 2).reshape(b * k, t, c))[0]
        y = y.reshape(-1, c).view(b, k, t, c).transpose(1, 2).reshape(b * t, k, c)
        z = self.over_bands(y)[0].contiguous()
        return y.view(x.shape) + self.project(z.view(-1, z.shape[2])).view(b, t, k, c)


class ChangedInPlace(nn.Module):
    """Activations in place on cuts, of which one is as long as the input."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.relu = nn.Conv1d(C, C, 3, padding=2), nn.Conv1d(C, C, 3, padding=2), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, time) -> (batch, time)."""
        y = self.relu(self.a(x)[:, :, :-2])
        return torch.clamp_(self.relu(self.b(y)[:, :, : x.shape[2]])[:, 0], 0.1, 1)


class CountedByLen(nn.Module):
    """Sequences of a batch counted by `len`, for a mask of lengths that leaves every frame in."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(C, C, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, time), both."""
        lengths = torch.full((len(x),), x.shape[2])
        mask = torch.arange(x.shape[2]).expand(len(lengths), x.shape[2]) >= lengths[:, None]
        return self.conv(functional.pad(x.masked_fill(mask[:, None], 0), (2, 0)))


class BandsThatAttend(nn.Module):
    """Heads over the bands of every frame of a short-time spectrum, with the frames in the batch (Yu et al., 2024)."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.Linear(2, 3 * C)
        self.register_buffer("window", torch.hann_window(8))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, samples) -> (batch, frames, bands * C)."""
        bins = torch.stft(x, 8, 4, window=self.window, center=False, return_complex=True)  # type: ignore[arg-type]
        z = torch.view_as_real(bins).transpose(1, 2)
        parts = self.parts(z.reshape(-1, z.shape[2], 2)).unflatten(2, (3, 2, C // 2)).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(*parts.unbind(0)).transpose(1, 2)
        return y.reshape(x.shape[0], -1, z.shape[2] * C)


class GatedAfterPadding(nn.Module):
    """Every other frame, then the convolution module of a conformer: padding in front, gates by a kernel of 1, taps."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.gates, self.taps = nn.Conv1d(C, C, 3, 2), nn.Conv1d(C, 2 * C, 1), nn.Conv1d(C, C, 5)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, time) -> half as many."""
        padded = functional.pad(torch.relu(self.down(x)), (4, 0))
        return self.taps(functional.glu(self.gates(padded), 1))


class PooledByItsLength(nn.Module):
    """A summary by a window as long as the sequence: a mean over pictures, and a maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, C, (3, 3), (1, 2), padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, bands, time) -> (batch, two summaries)."""
        y = torch.relu(self.conv(x[:, None]))
        mean = functional.avg_pool2d(y, y.size()[2:]).flatten(1)
        return torch.cat([mean, nn.MaxPool1d(y.shape[-1])(y[:, 0]).squeeze(-1)], 1)
