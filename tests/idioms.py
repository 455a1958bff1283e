"""Ways in which people write causal networks, each as small as it shows: what a compiler has to see through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from scan_idioms import Parallel, differences_of_logarithms, kernel_of_poles
from torch import Tensor, nn
from torch.nn import functional

from rnnedge.nn import time_loop

C = 8


class Gru(nn.Module):
    """A GRU over features made by `make`, a function of the input."""

    def __init__(self, make: Callable[[Tensor], Tensor], features: int = C) -> None:
        super().__init__()
        self.make = make
        self.gru = nn.GRU(features, C, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(self.make(x))[0]


class WaveNet(nn.Module):
    """Pads once by its receptive field and cuts every skip connection to the shortest (van den Oord et al., 2016)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(C, C, 1)
        self.gates = nn.ModuleList(nn.Conv1d(C, 2 * C, 2, dilation=2**k) for k in range(4))
        self.skips = nn.ModuleList(nn.Conv1d(C, C, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        z, skips = self.first(functional.pad(x.transpose(1, 2), (15, 0))), []
        for gate, skip in zip(self.gates, self.skips, strict=True):
            a, b = gate(z).chunk(2, 1)
            h = torch.tanh(a) * torch.sigmoid(b)
            skips.append(skip(h))
            z = z[:, :, -h.shape[2] :] + h
        return sum(skip[:, :, -skips[-1].shape[2] :] for skip in skips).transpose(1, 2)  # type: ignore[union-attr]


class CumulativeNorm(nn.Module):
    """Layer norm over everything so far (Luo and Mesgarani, 2019), on (batch, channel, time)."""

    def forward(self, x: Tensor) -> Tensor:
        count = torch.arange(1, x.shape[2] + 1, dtype=x.dtype)[None] * x.shape[1]
        mean = x.sum(1).cumsum(1) / count
        power = x.pow(2).sum(1).cumsum(1) / count
        return (x - mean[:, None]) / (power - mean**2 + 1e-3)[:, None].sqrt()


class Separator(nn.Module):
    """Learned filter bank, chomped convolutions with cumulative norms, masks, and the bank's inverse."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Conv1d(1, C, 16, stride=8, bias=False)
        self.layers = nn.ModuleList(nn.Conv1d(C, C, 3, dilation=2**k, padding=2 * 2**k) for k in range(2))
        self.norms = nn.ModuleList(CumulativeNorm() for _ in range(2))
        self.mask = nn.Conv1d(C, 2 * C, 1)
        self.decode = nn.ConvTranspose1d(C, 1, 16, stride=8, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        w = functional.relu(self.encode(x.transpose(1, 2)))
        z = w
        for k, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            z = z + norm(functional.prelu(layer(z)[:, :, : -2 * 2**k], torch.tensor(0.25)))
        masks = torch.sigmoid(self.mask(z)).view(z.shape[0], 2, C, -1)
        each = (w.unsqueeze(1) * masks).view(-1, C, z.shape[2])
        return self.decode(each).view(x.shape[0], 2, -1).transpose(1, 2)


class LearnedStart(nn.Module):
    """The output so far is the input: shifted by a frame, with a learned token in front."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.randn(1, 1, C))
        self.lstm = nn.LSTM(C, C, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm(torch.cat([self.start.expand(x.shape[0], -1, -1), x[:, :-1]], 1))[0]


class SpectralMask(nn.Module):
    """Frames of 64 samples, masked, and added up again by `fold` (Westhausen and Meyer, 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Conv1d(64, C, 1)
        self.norm = nn.LayerNorm(C)
        self.lstm = nn.LSTM(C, C, batch_first=True)
        self.decode = nn.Conv1d(C, 64, 1)

    def forward(self, x: Tensor) -> Tensor:
        frames = x[..., 0].unfold(1, 64, 16).transpose(1, 2)
        z = self.encode(frames).transpose(1, 2)
        y = self.decode((z * torch.sigmoid(self.lstm(self.norm(z))[0])).transpose(1, 2))
        size = (1, (y.shape[-1] - 1) * 16 + 64)
        return functional.fold(y, size, (1, 64), stride=(1, 16)).flatten(2).transpose(1, 2)


class Upsampled(nn.Module):
    """Strided down, and up again to the length of the skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv1d(C, C, 3, 2), nn.Conv1d(C, C, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)
        z = functional.interpolate(self.down(functional.pad(x, (2, 0))), size=x.shape[-1])
        return (self.up(functional.pad(z, (2, 0))) + x).transpose(1, 2)


class Replicated(nn.Module):
    """A convolution over the first frame repeated in front."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(C, C, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(functional.pad(x.transpose(1, 2), (4, 0), mode="replicate")).transpose(1, 2)


class Pooled(nn.Module):
    """An utterance in numbers: mean, maximum and last state."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(C, C, batch_first=True)
        self.head = nn.Linear(3 * C, 4)

    def forward(self, x: Tensor) -> Tensor:
        y, h = self.gru(x)
        return self.head(torch.cat([y.mean(1), y.max(1).values, h[-1]], -1))


class Pyramid(nn.Module):
    """Two frames joined to one between the layers, a last odd one left out (Chan et al., 2016)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.LSTM(C, C, batch_first=True), nn.LSTM(2 * C, C, batch_first=True)])

    def forward(self, x: Tensor) -> Tensor:
        z = self.layers[0](x)[0]
        return self.layers[1](z[:, : z.shape[1] // 2 * 2].reshape(z.shape[0], -1, 2 * C))[0]


class SeveralInputs(nn.Module):
    """A microphone, a reference, and a token per frame."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(C, C, 3, padding=1)
        self.embedding = nn.Embedding(5, C)
        self.gru = nn.GRU(3 * C, C, batch_first=True)

    def forward(self, mic: Tensor, reference: Tensor, token: Tensor) -> Tensor:
        z = self.conv(mic.transpose(1, 2)).transpose(1, 2)
        return self.gru(torch.cat([z, reference, self.embedding(token)], -1))[0]


class GivenState(nn.Module):
    """Starts from what the caller gives."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(C, C, 2, batch_first=True)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Any]:
        y, state = self.lstm(x, state)
        return y, state


class Grouped(nn.Module):
    """Weights by group, written as einsum."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Parameter(torch.randn(2, C, C) * 0.2)
        self.apart = nn.Parameter(torch.randn(2, C, 4) * 0.2)
        self.gru = nn.GRU(2 * 4, C, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        z = torch.einsum("bti,gio->btgo", x, self.shared)
        z = torch.einsum("btgi,gio->btgo", torch.tanh(z), self.apart)
        scale = torch.einsum("btgo,btgo->bt", z, z)
        return self.gru(torch.einsum("btgo,bt->btgo", z, torch.sigmoid(scale)).flatten(2))[0]


class Jets(nn.Module):
    """Dense blocks: every layer sees the outputs of all earlier ones."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(1 + k, 1, (2, 3), dilation=(2**k, 1)) for k in range(3))

    def forward(self, x: Tensor) -> Tensor:
        seen = [x[:, None]]
        for k, layer in enumerate(self.layers):
            seen.append(torch.relu(layer(functional.pad(torch.cat(seen, 1), (1, 1, 2**k, 0)))))
        return seen[-1][:, 0]


class Nested(nn.Module):
    """A hand-written cell over time, with a recurrence over the features of every frame inside."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(2, 1), nn.Linear(2 * C, C)

    def forward(self, x: Tensor) -> Tensor:
        def over_features(a: Tensor, feature: Tensor) -> tuple[Tensor, Tensor]:
            a = torch.tanh(self.inner(torch.stack([a, feature], -1))).squeeze(-1)
            return a, a

        def over_time(h: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
            _, each = time_loop(over_features, torch.zeros_like(frame[:, 0]), frame.transpose(0, 1))
            h = torch.tanh(self.outer(torch.cat([h, each.transpose(0, 1)], -1)))
            return h, h

        return time_loop(over_time, torch.zeros(x.shape[0], C), x.transpose(0, 1))[1].transpose(0, 1)


def _differences(x: Tensor) -> Tensor:
    first = functional.pad(x[:, 1:] - x[:, :-1], (0, 0, 1, 0))
    return torch.cat([x, first, torch.diff(first, dim=1, prepend=first[:, :1])], -1)


def _assigned(x: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    y[:, 1:] = x[:, :-1]
    y[..., 0] = 1.0
    y[..., 2:4] = x[..., 4:6]
    return y


def _running_norm(x: Tensor) -> Tensor:
    count = torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[None, :, None]
    mean = x.cumsum(1) / count
    return (x - mean) / ((x * x).cumsum(1) / count - mean * mean + 1e-2).sqrt()


def _spectrum(x: Tensor) -> Tensor:
    frames = x[..., 0].unfold(1, 64, 32) * torch.hann_window(64)
    bins = torch.fft.rfft(frames)
    return torch.log1p(bins.real**2 + bins.imag**2)


def _short_time_spectrum(x: Tensor) -> Tensor:
    bins = torch.stft(x[..., 0], 64, 32, window=torch.hann_window(64), center=False, return_complex=True)
    return bins.abs().transpose(1, 2)


def _quantized(x: Tensor) -> Tensor:
    book = torch.linspace(-1, 1, 4 * C).reshape(4, C)
    distance = x.pow(2).sum(-1, keepdim=True) - 2 * x @ book.T + book.pow(2).sum(-1)
    return functional.embedding(distance.argmin(-1), book)


def _deep_filter(x: Tensor) -> Tensor:
    frames = functional.pad(x, (0, 0, 4, 0)).unfold(1, 5, 1).transpose(2, 3)
    return (frames * torch.softmax(frames.mean(-1, keepdim=True), 2)).sum(2)


def _even_and_odd(x: Tensor) -> Tensor:
    return torch.cat([a + b for a, b in pairwise(x.chunk(4, -1))], -1)


class Enhancer(nn.Module):
    """A mask of size and phase on a short-time spectrum, and back to samples (Williamson et al., 2016)."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.out = nn.GRU(17, C, batch_first=True), nn.Linear(C, 34)
        self.register_buffer("window", torch.hamming_window(32))

    def forward(self, x: Tensor) -> Tensor:
        bins = torch.stft(x[..., 0], 32, 16, window=self.window, center=False, return_complex=True)  # type: ignore[arg-type]
        size, turn = self.out(self.gru(bins.abs().transpose(1, 2))[0]).transpose(1, 2).chunk(2, 1)
        mask = torch.polar(size.sigmoid(), turn)
        return torch.istft(bins * mask, 32, 16, window=self.window, center=False)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Idiom:
    """A network, the input it is exported with, and the (hop, lookahead) that it has."""

    build: Callable[[], nn.Module]
    example: tuple[Any, ...]
    hop: int = 1
    lookahead: int = 0


_X = (torch.zeros(1, 24, C),)
_WAVE = (torch.zeros(1, 400, 1),)
IDIOMS = {
    "wavenet": Idiom(WaveNet, _X),
    "cumulative-norm": Idiom(Separator, _WAVE, 8, 8),
    "learned-start": Idiom(LearnedStart, _X),
    "replicated": Idiom(Replicated, _X),
    "differences": Idiom(lambda: Gru(_differences, 3 * C), _X),
    "assigned": Idiom(lambda: Gru(_assigned), _X),
    "running-norm": Idiom(lambda: Gru(_running_norm), _X),
    "grouped": Idiom(Grouped, _X),
    "quantized": Idiom(lambda: Gru(_quantized), _X),
    "deep-filter": Idiom(lambda: Gru(_deep_filter), _X),
    "neighbours": Idiom(lambda: Gru(_even_and_odd, 6), _X),
    "dense": Idiom(Jets, _X),
    "spectrum": Idiom(lambda: Gru(_spectrum, 33), _WAVE, 32, 32),
    "short-time-spectrum": Idiom(lambda: Gru(_short_time_spectrum, 33), _WAVE, 32, 32),
    "overlap-add": Idiom(SpectralMask, _WAVE, 16, 48),
    "complex-mask": Idiom(Enhancer, _WAVE, 16, 16),
    "upsampled-to-size": Idiom(Upsampled, _X, 2),
    "repeated": Idiom(lambda: Gru(lambda x: x.repeat_interleave(3, 1)), _X),
    "pyramid": Idiom(Pyramid, _X, 2),
    "pooled": Idiom(Pooled, _X),
    "nested-cell": Idiom(Nested, _X),
    "several-inputs": Idiom(SeveralInputs, (*_X, *_X, torch.tensor([[0, 1, 2, 3, 4, 0]]).repeat(1, 4)), 1, 1),
    "decay-matrix": Idiom(lambda: Parallel(differences_of_logarithms), (torch.zeros(1, 24, 6),)),
    "kernel-of-poles": Idiom(lambda: Parallel(kernel_of_poles), (torch.zeros(1, 24, 6),)),
    "given-state": Idiom(GivenState, (*_X, (torch.ones(2, 1, C), torch.zeros(2, 1, C)))),
}
