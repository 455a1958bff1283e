"""A recurrent network for sequences: normalization, front ends, recurrent layers, attention, a linear head."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from rnnedge.nn._attention import WindowAttention
from rnnedge.nn._config import NetworkConfig
from rnnedge.nn._connections import build_connection
from rnnedge.nn._front_ends import build_front_end
from rnnedge.nn._initialization import initialize
from rnnedge.nn.cells import Cell, build_cell
from rnnedge_runtime.errors import InputError

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

    Created from a config. Keeps no sequence state: that goes in and out of `forward`, an entry for each front end, each
    layer and the attention, as the module of each says; torch's RNN and GRU have h (1, batch, hidden), its LSTM (h, c)
    of that shape. An entry is None while no frame has reached its module.
    """

    def __init__(self, config: NetworkConfig) -> None:
        """Build with the initialization of the config; seed torch before, for the same weights."""
        super().__init__()
        self.config = config
        self.normalize = _first(config)
        inputs = config.input_size
        fronts: list[nn.Module] = []
        for front in config.front_end:
            fronts.append(build_front_end(front, inputs, fronts[-1] if fronts else None))
            inputs = int(fronts[-1].out_features)  # type: ignore[arg-type]
        self.front_end = nn.ModuleList(fronts)
        sizes = [inputs, *[config.layer_size] * (config.num_layers - 1)]
        cell = Cell(config.cell, config.hidden_size, config.projection, config.peepholes, config.cell_layer_norm)
        self.layers = nn.ModuleList(build_cell(size, cell) for size in sizes)
        self.norms = nn.ModuleList(
            nn.LayerNorm(config.layer_size) if config.layer_norm else nn.Identity() for _ in self.layers
        )
        self.connections = nn.ModuleList(build_connection(config.connection, s, config.layer_size) for s in sizes)
        attention = WindowAttention(config.attention, config.layer_size) if config.attention else None
        self.attention = nn.ModuleList([attention] if attention else [])
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.layer_size, config.output_size)
        initialize(self, config.init, config.memory_frames)

    def hidden(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """x (batch, time, input), or (batch, time) tokens -> input of the head (batch, time, hidden), state.

        After a stride there are fewer frames, possibly none, see `output_frames`.
        """
        h = self.normalize(x)
        modules = len(self.front_end) + len(self.layers) + len(self.attention)
        before = iter(state if state is not None else [None] * modules)
        after = []
        for front in self.front_end:
            if _some(h):
                h, front_state = front(h, next(before))
            else:
                h, front_state = _none(h, int(front.out_features)), next(before)  # type: ignore[arg-type]
            after.append(front_state)
        if not _some(h):
            return _none(h, self.config.layer_size), (*after, *before)
        for layer, norm, connection in zip(self.layers, self.norms, self.connections, strict=True):
            y, layer_state = layer(h, next(before))
            h = connection(h, self.dropout(norm(y)))
            after.append(layer_state)
        for attention in self.attention:
            h, attention_state = attention(h, next(before))
            after.append(attention_state)
        return h, tuple(after)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """x (batch, time, input) float32 -> y (batch, time, output), or (batch, output) for output "last"; state.

        Raises `InputError` for output "last" where a stride leaves no frame.
        """
        h, after = self.hidden(x, state)
        if self.config.output != "last":
            return self.head(h), after
        if not _some(h):
            raise InputError(f"forward: expected frames for at least one output, found {x.shape[1]}; give more frames")
        return self.head(h[:, -1]), after

    def kept(self, state: State, keep: Tensor) -> State:
        """`state` with the initial one, zeros, in the rows where `keep` (batch,) is False.

        A row begins again in step with the others: where front ends have strides, after a multiple of them all.
        """

        def one(module: nn.Module, t: Any) -> Any:
            if t is None:
                return None
            # torch's layers have an axis of layers before that of the batch.
            axes = [1, -1, 1] if isinstance(module, nn.RNNBase) else [-1, *[1] * (t.dim() - 1)]
            return t * keep.reshape(axes)

        modules = zip([*self.front_end, *self.layers, *self.attention], state, strict=True)
        return tuple(pytree.tree_map(partial(one, module), s) for module, s in modules)

    def output_frames(self, frames: Tensor) -> Tensor:
        """How many frames of output that many frames of input (int64, any shape) give, from the beginning on."""
        for front in self.front_end:
            frames = front.output_frames(frames)  # type: ignore[operator]
        return frames


def _some(h: Tensor) -> bool:
    # The length is symbolic while torch.export captures: there are frames then.
    return torch.compiler.is_exporting() or h.shape[1] > 0


def _none(h: Tensor, features: int) -> Tensor:
    return h.new_zeros(h.shape[0], 0, features)
