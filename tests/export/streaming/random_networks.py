"""Random causal networks, drawn over all rules: each is a list of layers, so that a failure shrinks to fewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnedge.nn import time_loop

CHANNELS = 4
VARIANTS = 3
KINDS = (
    "conv pad_conv stride pool average relu norm linear gru lstm rnn residual difference head tail shift cumsum up "
    "upsample glu batch_fold last_pad concat softmax valid_skip replicate start running frames attention einsum cell "
    "over_features numbers two_dims prelu film spoken_start spoken"
).split()
# Those that read a value per sequence, (batch, `CONTEXT`).
CONTEXTUAL, CONTEXT = ("film", "spoken_start", "spoken"), 3


@dataclass(frozen=True)
class Layer:
    """One layer: its kind, and numbers that it reads its sizes from."""

    kind: str
    a: int
    b: int
    c: int


def pool() -> tuple[Layer, ...]:
    """Every layer that networks are made of: some variants of each kind."""
    rng = np.random.default_rng(7)
    return tuple(Layer(kind, *(int(v) for v in rng.integers(0, 1 << 16, 3))) for kind in KINDS for _ in range(VARIANTS))


def variants(count: int) -> tuple[Layer, ...]:
    """Of each kind the first `count` layers of the pool."""
    return tuple(layer for index, layer in enumerate(pool()) if index % VARIANTS < count)


def draw(seed: int, most: int = 6, count: int = VARIANTS) -> tuple[Layer, ...]:
    """Up to `most` layers of the pool, of each kind from the first `count`."""
    rng, layers = np.random.default_rng(seed), variants(count)
    return tuple(layers[i] for i in rng.integers(0, len(layers), rng.integers(1, most + 1)))


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
        elif layer.kind in ("batch_fold", "attention"):
            made = nn.Linear(c, c * (1 if layer.kind == "batch_fold" else 3))
        elif layer.kind in ("valid_skip", "replicate"):
            made = nn.Conv1d(c, c, k + 1, dilation=d)
        elif layer.kind == "start":
            made = nn.Embedding(1 + layer.a % 3, c)
        elif layer.kind == "einsum":
            made = nn.Linear(c, 2 * c)
        elif layer.kind == "cell":
            made = nn.GRUCell(c, c)
        elif layer.kind == "over_features":
            made = nn.GRU(1, 1, batch_first=True, bidirectional=True)
        elif layer.kind == "two_dims":
            made = nn.Conv2d(1, 1, (k, 3), padding=((k - 1) * (layer.b % 2), 1), dilation=(1, 1))
        elif layer.kind == "prelu":
            made = nn.PReLU(c)
        elif layer.kind in CONTEXTUAL:
            made = nn.ModuleList([nn.Linear(CONTEXT, 2 * c), nn.GRU(c, c, batch_first=True)])
        self.made = made

    def forward(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        if self.layer.kind in CONTEXTUAL:
            assert z is not None
            return self._with_context(x, self.made[0](z))
        return self._plain(x)

    def _with_context(self, x: Tensor, made: Tensor) -> Tensor:
        one, two = made.chunk(2, 1)
        if self.layer.kind == "film":
            return x * torch.sigmoid(one)[:, :, None] + two[:, :, None]
        if self.layer.kind == "spoken_start":
            return self.made[1](x.transpose(1, 2), torch.tanh(one)[None])[0].transpose(1, 2)
        half = CHANNELS // 2
        return torch.cat([x[:, :half], torch.sin(two)[:, :half, None].expand(-1, -1, x.shape[2])], 1)

    def _plain(self, x: Tensor) -> Tensor:
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
        if kind == "valid_skip":
            y = self.made(x)
            return x[..., -y.shape[2] :] + torch.tanh(y)
        if kind == "replicate":
            return self.made(functional.pad(x, (a % 6, 0), mode="replicate") if a % 6 else x)
        if kind == "start":
            first = self.made.weight.T[None].expand(x.shape[0], -1, -1)
            return torch.cat([first, x[..., : x.shape[2] - first.shape[2] * (b % 2)]], 2)
        if kind == "attention":
            return _attention(*self.made(x.transpose(1, 2)).chunk(3, 2), 1 + a % 5).transpose(1, 2)
        if kind == "einsum":
            w = self.made.weight.reshape(2, CHANNELS, CHANNELS)
            return torch.tanh(torch.einsum("bit,gio->bgot", x, w)).sum(1)
        if kind == "cell":
            start = torch.full_like(x[..., 0], 0.1 * (b % 3))
            return time_loop(lambda h, z: (self.made(z, h),) * 2, start, x.permute(2, 0, 1))[1].permute(1, 2, 0)
        if kind == "over_features":
            rows = x.transpose(1, 2).reshape(-1, CHANNELS, 1)
            return self.made(rows)[0].sum(2).reshape(x.shape[0], x.shape[2], CHANNELS).transpose(1, 2)
        if kind == "two_dims":
            return self.made(x.transpose(1, 2)[:, None])[:, 0].transpose(1, 2)
        if kind == "prelu":
            return self.made(x)
        functions = {
            "running": lambda: x.cumsum(2) / torch.arange(1, x.shape[2] + 1, dtype=x.dtype),
            "numbers": lambda: x + torch.sin(torch.arange(x.shape[2], dtype=x.dtype)),
            "frames": lambda: functional.pad(x, (b % 4, 0)).unfold(2, 2 + a % 3, 1 + b % 2).mean(3),
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


def _attention(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    frames = torch.arange(q.shape[1])
    apart = frames[:, None] - frames[None]
    scores = (q @ k.transpose(1, 2)).masked_fill((apart < 0) | (apart >= window), float("-inf"))
    return scores.softmax(-1) @ v


class Network(nn.Module):
    """Layers in a row, (batch, time, channel) in and out."""

    def __init__(self, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        x = x.transpose(1, 2)
        for block in self.blocks:
            x = block(x, z)
        return x.transpose(1, 2)


def reads_context(layers: Sequence[Layer]) -> bool:
    """Whether the network takes a value per sequence."""
    return any(layer.kind in CONTEXTUAL for layer in layers)


def build(layers: tuple[Layer, ...]) -> Network:
    """The network with the pool's weights, in evaluation mode."""
    return Network([_block(layer) for layer in layers]).eval()


@cache
def _block(layer: Layer) -> Block:
    torch.manual_seed(layer.a)
    return Block(layer).eval()
