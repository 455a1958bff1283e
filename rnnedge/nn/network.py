"""A recurrent network for sequences: normalization, a stack of recurrent layers, a linear head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from rnnedge.nn.elman import SigmoidRNN

LayerState = Tensor | tuple[Tensor, Tensor]

_LAYERS: dict[str, Callable[[int, int], nn.Module]] = {
    "rnn_sigmoid": SigmoidRNN,
    "rnn_tanh": lambda i, h: nn.RNN(i, h, nonlinearity="tanh", batch_first=True),
    "rnn_relu": lambda i, h: nn.RNN(i, h, nonlinearity="relu", batch_first=True),
    "lstm": lambda i, h: nn.LSTM(i, h, batch_first=True),
    "gru": lambda i, h: nn.GRU(i, h, batch_first=True),
}
CELLS = tuple(_LAYERS)
OUTPUTS = ("frames", "last")


@dataclass(frozen=True)
class NetworkConfig:
    """What a network is; its weights are what it learned.

    `cell`: one of `CELLS`. `dropout`: probability between layers and before the head, in training. `layer_norm`: after
    every layer. `output`: "frames" for one output per frame, "last" for one per sequence, from its last frame.
    `mean`, `std`: statistics of the raw features; the network itself computes (x - mean) / std.
    """

    cell: str
    input_size: int
    hidden_size: int
    output_size: int
    num_layers: int = 1
    dropout: float = 0.0
    layer_norm: bool = False
    output: str = "frames"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    tokens: int = 0

    def __post_init__(self) -> None:
        """Raise `ValueError` naming the first field that is out of range."""
        if self.cell not in CELLS:
            raise ValueError(f"cell: expected one of {', '.join(CELLS)}, found {self.cell!r}")
        if self.output not in OUTPUTS:
            raise ValueError(f"output: expected one of {', '.join(OUTPUTS)}, found {self.output!r}")
        for name in ("input_size", "hidden_size", "output_size", "num_layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, found {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: expected a probability below 1, found {self.dropout}")
        for name in ("mean", "std"):
            if getattr(self, name) and len(getattr(self, name)) != self.input_size:
                raise ValueError(f"{name}: expected {self.input_size} values, found {len(getattr(self, name))}")
        if any(value <= 0 for value in self.std):
            raise ValueError("std: expected positive values")


class Normalize(nn.Module):
    """(x - mean) / std per feature, by constants that are buffers: trained with, exported with."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        """One mean and one standard deviation per feature."""
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("scale", 1 / torch.tensor(std))

    def forward(self, x: Tensor) -> Tensor:
        """x (..., feature), float32."""
        scaled: Tensor = (x - self.mean) * self.scale
        return scaled


class RecurrentNetwork(nn.Module):
    """y_t = W_y h_t + b_y over a stack of recurrent layers h.

    Created from a config. Keeps no sequence state: that goes in and out of `forward`, one entry per layer, h (batch,
    hidden) for "rnn_sigmoid", h (1, batch, hidden) for torch's RNN and GRU, (h, c) of that shape for LSTM.
    """

    def __init__(self, config: NetworkConfig) -> None:
        """Build with torch's default initialization; seed torch before, for the same weights."""
        super().__init__()
        self.config = config
        sizes = [config.input_size] + [config.hidden_size] * config.num_layers
        self.normalize = Normalize(config.mean, config.std) if config.mean else nn.Identity()
        self.layers = nn.ModuleList(_LAYERS[config.cell](i, h) for i, h in pairwise(sizes))
        self.norms = nn.ModuleList(
            nn.LayerNorm(config.hidden_size) if config.layer_norm else nn.Identity() for _ in self.layers
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden_size, config.output_size)

    def hidden(self, x: Tensor, state: tuple[LayerState, ...] | None = None) -> tuple[Tensor, tuple[LayerState, ...]]:
        """x (batch, time, input) -> input of the head (batch, time, hidden), state."""
        h = self.normalize(x)
        after = []
        for index, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            h, layer_state = layer(h, None if state is None else state[index])
            h = self.dropout(norm(h))
            after.append(layer_state)
        return h, tuple(after)

    def forward(self, x: Tensor, state: tuple[LayerState, ...] | None = None) -> tuple[Tensor, tuple[LayerState, ...]]:
        """x (batch, time, input) float32 -> y (batch, time, output), or (batch, output) for output "last"; state."""
        h, after = self.hidden(x, state)
        return self.head(h[:, -1] if self.config.output == "last" else h), after

    def kept(self, state: tuple[LayerState, ...], keep: Tensor) -> tuple[LayerState, ...]:
        """`state` with the initial one, zeros, in the rows where `keep` (batch,) is False."""

        def one(s: Tensor) -> Tensor:
            return s * (keep[None, :, None] if s.dim() == 3 else keep[:, None])

        return tuple((one(s[0]), one(s[1])) if isinstance(s, tuple) else one(s) for s in state)

    def output_frames(self, frames: Tensor) -> Tensor:
        """How many frames of output so many frames of input (int64, any shape) give."""
        return frames
