"""Random causal networks, drawn over all rules: each is a list of choices, so that a failure shrinks to fewer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = 4
KINDS = (
    "conv pad_conv stride pool average relu norm linear gru lstm rnn residual difference head tail shift cumsum up "
    "upsample glu batch_fold last_pad concat softmax"
).split()


@dataclass(frozen=True)
class Layer:
    """One layer: its kind, and numbers that it reads its sizes from."""

    kind: str
    a: int
    b: int
    c: int


def draw(seed: int, most: int = 6) -> tuple[Layer, ...]:
    """Up to `most` layers."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, most + 1))
    return tuple(Layer(str(rng.choice(KINDS)), *(int(v) for v in rng.integers(0, 1 << 16, 3))) for _ in range(count))


class Block(nn.Module):
    """One layer on (batch, channel, time)."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer
        c, k, d = CHANNELS, 1 + layer.a % 5, 1 + layer.b % 3
        reach = (k - 1) * d
        made: Any = nn.Identity()
        if layer.kind in ("conv", "residual"):
            same = layer.kind == "residual" or layer.c % 2
            k += layer.kind == "residual" and k % 2 == 0
            made = nn.Conv1d(c, c, k, dilation=d, padding=(k - 1) * d // 2 if same else layer.c % (reach + 1))
        elif layer.kind == "pad_conv":
            made = nn.Conv1d(c, c, k, dilation=d, groups=1 + layer.c % 2)
        elif layer.kind == "stride":
            made = nn.Conv1d(c, c, k + 1, stride=1 + layer.b % 2 + 1, padding=layer.c % (k + 1))
        elif layer.kind == "pool":
            made = nn.MaxPool1d(2 + layer.a % 2, 1 + layer.b % 2, padding=layer.c % 2)
        elif layer.kind == "average":
            made = nn.AvgPool1d(2 + layer.a % 2, 1 + layer.b % 2, padding=layer.c % 2)
        elif layer.kind == "up":
            made = nn.ConvTranspose1d(c, c, k + 1, stride=1 + layer.b % 3, padding=layer.c % 2)
        elif layer.kind in ("gru", "lstm", "rnn"):
            cell = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}[layer.kind]
            made = cell(c, c, 1 + layer.a % 2, batch_first=True)
        elif layer.kind in ("linear", "glu"):
            made = nn.Linear(c, c * (1 + (layer.kind == "glu")))
        elif layer.kind == "norm":
            made = nn.BatchNorm1d(c) if layer.a % 2 else nn.LayerNorm(c)
        elif layer.kind == "batch_fold":
            made = nn.Linear(c, c)
        self.made = made

    def forward(self, x: Tensor) -> Tensor:
        kind, a, b = self.layer.kind, self.layer.a, self.layer.b
        if kind in ("conv", "stride", "pool", "average", "up"):
            return self.made(x)
        if kind == "pad_conv":
            return self.made(functional.pad(x, ((self.made.kernel_size[0] - 1) * self.made.dilation[0], 0)))
        if kind == "residual":
            return x + torch.tanh(self.made(x))
        if kind in ("gru", "lstm", "rnn"):
            return self.made(x.transpose(1, 2))[0].transpose(1, 2)
        if kind in ("linear", "glu") or (kind == "norm" and not a % 2):
            y = self.made(x.transpose(1, 2))
            return (functional.glu(y, -1) if kind == "glu" else y).transpose(1, 2)
        if kind == "norm":
            return self.made(x)
        if kind == "batch_fold":
            rows = self.made(x.transpose(1, 2).reshape(-1, CHANNELS))
            return rows.reshape(x.shape[0], x.shape[2], CHANNELS).transpose(1, 2)
        functions = {
            "relu": lambda: functional.relu(x),
            "softmax": lambda: x.softmax(1),
            "difference": lambda: x[..., 1:] - x[..., :-1],
            "head": lambda: x[..., : -(1 + a % 3)],
            "tail": lambda: x[..., 1 + a % 3 :: 1 + b % 2],
            "shift": lambda: functional.pad(x, (1 + a % 2, 0))[..., : -(1 + a % 2)],
            "last_pad": lambda: functional.pad(x, (a % 3, b % 3)),
            "cumsum": lambda: torch.tanh(0.1 * x.cumsum(2)),
            "upsample": lambda: functional.interpolate(x, scale_factor=2),
            "concat": lambda: torch.cat([x[:, :2], torch.sin(x[:, 2:])], 1),
        }
        return functions[kind]()


class Network(nn.Module):
    """Layers in a row, (batch, time, channel) in and out."""

    def __init__(self, layers: tuple[Layer, ...]) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(layer) for layer in layers))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x.transpose(1, 2)).transpose(1, 2)


def build(layers: tuple[Layer, ...]) -> Network:
    """The network with seeded weights, in evaluation mode."""
    torch.manual_seed(len(layers))
    return Network(layers).eval()
