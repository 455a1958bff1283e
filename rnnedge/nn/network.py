"""A recurrent network for sequences: normalization, a front end, a stack of recurrent layers, a linear head."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from rnnedge.nn.cells import build_cell
from rnnedge.nn.config import NetworkConfig
from rnnedge.nn.front_ends import build_front_end
from rnnedge.nn.initialization import initialize

State = Any


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


def _first(config: NetworkConfig) -> nn.Module:
    """What makes numbers of about 1 of a frame."""
    if config.tokens:
        return nn.Embedding(config.tokens, config.input_size)
    return Normalize(config.mean, config.std) if config.mean else nn.Identity()


class RecurrentNetwork(nn.Module):
    """y_t = W_y h_t + b_y over a stack of recurrent layers h.

    Created from a config. Keeps no sequence state: that goes in and out of `forward`, an entry for each front end and
    each layer; h (batch, hidden) for "rnn_sigmoid", h (1, batch, hidden) for torch's RNN and GRU, (h, c) of that shape
    for LSTM.
    """

    def __init__(self, config: NetworkConfig) -> None:
        """Build with the initialization of the config; seed torch before, for the same weights."""
        super().__init__()
        self.config = config
        self.normalize = _first(config)
        inputs, fronts = config.input_size, []
        for front in config.front_end:
            fronts.append(build_front_end(front, inputs))
            inputs = int(fronts[-1].out_features)  # type: ignore[arg-type]
        self.front_end = nn.ModuleList(fronts)
        sizes = [inputs, *[config.layer_size] * (config.num_layers - 1)]
        self.layers = nn.ModuleList(build_cell(size, config) for size in sizes)
        self.norms = nn.ModuleList(
            nn.LayerNorm(config.layer_size) if config.layer_norm else nn.Identity() for _ in self.layers
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.layer_size, config.output_size)
        initialize(self, config.init, config.memory_frames)

    def hidden(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """x (batch, time, input), or (batch, time) tokens -> input of the head (batch, time, hidden), state."""
        h = self.normalize(x)
        before = iter(state if state is not None else [None] * (len(self.front_end) + len(self.layers)))
        after = []
        for front in self.front_end:
            h, front_state = front(h, next(before))
            after.append(front_state)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            h, layer_state = layer(h, next(before))
            h = self.dropout(norm(h))
            after.append(layer_state)
        return h, tuple(after)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """x (batch, time, input) float32 -> y (batch, time, output), or (batch, output) for output "last"; state."""
        h, after = self.hidden(x, state)
        return self.head(h[:, -1] if self.config.output == "last" else h), after

    def kept(self, state: State, keep: Tensor) -> State:
        """`state` with the initial one, zeros, in the rows where `keep` (batch,) is False."""

        def one(module: nn.Module, s: Any) -> Any:
            # torch's layers have an axis of layers before that of the batch.
            rows = keep[None, :, None] if isinstance(module, nn.RNNBase) else None
            return pytree.tree_map(lambda t: t * (keep.reshape(-1, *[1] * (t.dim() - 1)) if rows is None else rows), s)

        return tuple(one(module, s) for module, s in zip([*self.front_end, *self.layers], state, strict=True))

    def output_frames(self, frames: Tensor) -> Tensor:
        """How many frames of output so many frames of input (int64, any shape) give, from the beginning on."""
        for front in self.front_end:
            frames = front.output_frames(frames)  # type: ignore[operator]
        return frames
