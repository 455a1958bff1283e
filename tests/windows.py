"""Networks with windows over time, as a user would write them, each with an example input."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

C = 4
Case = tuple[nn.Module, Tensor]


class Along(nn.Module):
    """A network of (batch, channel, time) for features on the last axis."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.transpose(1, 2)).transpose(1, 2)


class Causal(nn.Module):
    """A convolution that is padded in front only."""

    def __init__(self, ins: int, outs: int, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.front = (kernel - 1) * dilation
        self.conv = nn.Conv1d(ins, outs, kernel, stride, dilation=dilation, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(functional.pad(x, (self.front, 0)))


class Differences(nn.Module):
    """Of frames that follow one another."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, 1:] - x[:, :-1]


class Chomp(nn.Module):
    """A temporal convolutional network that pads both ends and cuts the later one off."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(C, C, 3, padding=4, dilation=2)
        self.second = nn.Conv1d(C, C, 3, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.first(x.transpose(1, 2))[:, :, :-4])
        return self.second(y)[:, :, :-2].transpose(1, 2) + x


class ConvGru(nn.Module):
    """Convolutions with batch norm, then a recurrence, then a head."""

    def __init__(self, *front: nn.Module) -> None:
        super().__init__()
        self.front = Along(*front)
        self.gru = nn.GRU(C, C, batch_first=True)
        self.head = nn.Linear(C, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(self.front(x))[0])


class Residual(nn.Module):
    """Something added to its input."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


class Function(nn.Module):
    """A GRU, and a function of its output."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.gru = nn.GRU(C, C, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.gru(x)[0])


class TwoD(nn.Module):
    """2-D convolutions over (time, frequency), frequency-wise recurrence, fold and unfold."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, (3, 3), padding=(0, 1), stride=(1, 2))
        self.norm = nn.BatchNorm2d(3)
        self.across = nn.GRU(3, 3, batch_first=True, bidirectional=True)
        self.along = nn.GRU(6, 4, batch_first=True)
        self.deconv = nn.ConvTranspose2d(4, 1, (2, 3), stride=(1, 2), padding=(0, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = functional.elu(self.norm(self.conv(functional.pad(x[:, None], (0, 0, 2, 0)))))
        b, c, t, f = y.shape
        y = self.across(y.permute(0, 2, 3, 1).reshape(b * t, f, c))[0].reshape(b, t, f, -1)
        y = self.along(y.transpose(1, 2).reshape(b * f, t, -1))[0].reshape(b, f, t, -1)
        return self.deconv(y.permute(0, 3, 2, 1))[:, 0, :-1]


class Ahead(nn.Module):
    """Looks ahead past the end, so that the graph gets a mask; windows two samples apart."""

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Conv1d(1, 4, 5, padding=2)
        self.far = nn.Conv1d(4, 3, 4, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, 1) to (batch, windows, 3)."""
        return self.far(torch.relu(self.near(x.transpose(1, 2)) + 1)).transpose(1, 2)


class UNet(nn.Module):
    """Stride down, LSTM, transposed convolution up, with skip connections: a waveform denoiser."""

    def __init__(self, kernel: int = 8, stride: int = 4, depth: int = 2) -> None:
        super().__init__()
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        ins = 1
        for level in range(depth):
            outs = C * 2**level
            self.down.append(
                nn.Sequential(nn.Conv1d(ins, outs, kernel, stride), nn.ReLU(), nn.Conv1d(outs, 2 * outs, 1), nn.GLU(1))
            )
            last = nn.ReLU() if level else nn.Identity()
            self.up.insert(
                0,
                nn.Sequential(
                    nn.Conv1d(outs, 2 * outs, 1), nn.GLU(1), nn.ConvTranspose1d(outs, ins, kernel, stride), last
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
            skip = skips.pop()
            x = layer(x + skip[..., : x.shape[-1]])
        return x


X = torch.randn(1, 24, C)
WINDOWS: dict[str, Callable[[], Case]] = {
    "causal": lambda: (ConvGru(Causal(C, C, 3), nn.BatchNorm1d(C), nn.ReLU()), X),
    "same": lambda: (ConvGru(nn.Conv1d(C, C, 5, padding=2), nn.ReLU()), X),
    "same-residual": lambda: (
        ConvGru(Residual(nn.Conv1d(C, C, 3, padding=1)), nn.ReLU(), Residual(nn.Conv1d(C, C, 5, padding=2))),
        X,
    ),
    "valid": lambda: (ConvGru(nn.Conv1d(C, C, 4), nn.Tanh(), nn.Conv1d(C, C, 3)), X),
    "dilated": lambda: (
        Along(*[Residual(nn.Sequential(Causal(C, C, 3, dilation=d), nn.PReLU())) for d in (1, 2, 4)]),
        X,
    ),
    "chomp": lambda: (Chomp(), X),
    "depthwise": lambda: (Along(Causal(C, C, 5, groups=C), nn.Conv1d(C, C, 1), nn.SiLU()), X),
    "stride": lambda: (ConvGru(nn.Conv1d(C, C, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool1d(2)), X),
    "causal-stride": lambda: (ConvGru(Causal(C, C, 3, stride=2), nn.ReLU(), Causal(C, C, 3, stride=3)), X),
    "average": lambda: (ConvGru(nn.AvgPool1d(3, 1), nn.AvgPool1d(2)), X),
    "same-after-stride": lambda: (
        ConvGru(nn.Conv1d(C, C, 4, stride=2, padding=1), nn.Conv1d(C, C, 3, padding=1), nn.ReLU()),
        X,
    ),
    "same-before-stride": lambda: (
        ConvGru(nn.Conv1d(C, C, 3, padding=1), nn.ReLU(), nn.Conv1d(C, C, 3, stride=2, padding=1)),
        X,
    ),
    "gru-same": lambda: (
        Function(nn.Sequential(Along(nn.Conv1d(C, C, 3, padding=1)), nn.Tanh(), Along(nn.Conv1d(C, C, 3, padding=1)))),
        X,
    ),
    "max-pool-same": lambda: (ConvGru(nn.MaxPool1d(3, 1, 1), nn.Conv1d(C, C, 3, padding=1)), X),
    "up": lambda: (Along(nn.Conv1d(C, C, 4, stride=4), nn.ReLU(), nn.ConvTranspose1d(C, C, 4, stride=4)), X),
    "up-overlap": lambda: (
        Along(nn.Conv1d(C, C, 6, stride=2, padding=2), nn.ReLU(), nn.ConvTranspose1d(C, C, 6, stride=2, padding=2)),
        X,
    ),
    "deconv-1": lambda: (Along(nn.ConvTranspose1d(C, C, 3), nn.ReLU()), X),
    "deconv-crop": lambda: (
        Function(Along(nn.ConvTranspose1d(C, C, 5, stride=2, padding=1, output_padding=1), nn.ReLU())),
        X,
    ),
    "upsample": lambda: (Function(Along(nn.Upsample(scale_factor=2), Causal(C, C, 3))), X),
    "windows-of-padding": lambda: (
        nn.Sequential(
            Along(nn.Upsample(scale_factor=2), nn.ConstantPad1d((3, 0), 0.0), nn.Conv1d(C, C, 2, stride=2)),
            Differences(),
        ),
        X,
    ),
    "windows-of-zeros": lambda: (Along(nn.ConstantPad1d((5, 0), 0.0), nn.Conv1d(C, C, 2, stride=2)), X),
    "difference": lambda: (Function(lambda y: y[:, 1:] - y[:, :-1]), X),
    "tail": lambda: (Function(lambda y: y[:, 3:] * 2), X),
    "head": lambda: (Function(lambda y: y[:, :-2] * 2), X),
    "every-third": lambda: (Function(lambda y: y[:, ::3]), X),
    "shift": lambda: (Function(lambda y: torch.cat([torch.zeros_like(y[:, :1]), y[:, :-1]], 1) + y), X),
    "cumsum": lambda: (Function(lambda y: y.cumsum(1) * 0.01), X),
    "running-mean": lambda: (Function(lambda y: y.cumsum(1) / torch.arange(1, y.shape[1] + 1)[None, :, None]), X),
    "pad-end": lambda: (Function(lambda y: functional.pad(y, (0, 0, 2, 1), value=0.5).tanh()), X),
    "interleave": lambda: (Function(lambda y: y.reshape(y.shape[0], -1, 2)), X),
    "tile": lambda: (Function(lambda y: y.repeat(1, 1, 2)), X),
    "two-d": lambda: (TwoD(), torch.randn(1, 12, 9)),
    "unet": lambda: (UNet(), torch.randn(1, 1, 84)),
    "last-of-conv": lambda: (Function(lambda y: torch.cat([y[:, -1], y[:, -1] * 2], -1)), X),
}


def build(name: str) -> Case:
    """The named network with seeded weights, and its example."""
    torch.manual_seed(sum(map(ord, name)))
    module, example = WINDOWS[name]()
    return module.eval(), example
