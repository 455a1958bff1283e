"""Every recurrent cell by name. A new one is a module, a line here, and a row in docs/networks.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import nn

from rnnedge.nn.elman import SigmoidRNN
from rnnedge.nn.lru import LRU
from rnnedge.nn.lstm import VariantLSTM
from rnnedge.nn.minimal import MinGRU, MinLSTM

if TYPE_CHECKING:
    from rnnedge.nn.config import NetworkConfig

Build = Callable[[int, "NetworkConfig"], nn.Module]


def _lstm(inputs: int, config: NetworkConfig) -> nn.Module:
    if config.peepholes or config.cell_layer_norm:
        options = {"peepholes": config.peepholes, "layer_norm": config.cell_layer_norm}
        return VariantLSTM(inputs, config.hidden_size, config.projection, **options)
    return nn.LSTM(inputs, config.hidden_size, batch_first=True, proj_size=config.projection)


_BUILDERS: dict[str, Build] = {
    "rnn_sigmoid": lambda i, c: SigmoidRNN(i, c.hidden_size),
    "rnn_tanh": lambda i, c: nn.RNN(i, c.hidden_size, nonlinearity="tanh", batch_first=True),
    "rnn_relu": lambda i, c: nn.RNN(i, c.hidden_size, nonlinearity="relu", batch_first=True),
    "lstm": _lstm,
    "gru": lambda i, c: nn.GRU(i, c.hidden_size, batch_first=True),
    "mingru": lambda i, c: MinGRU(i, c.hidden_size),
    "minlstm": lambda i, c: MinLSTM(i, c.hidden_size),
    "lru": lambda i, c: LRU(i, c.hidden_size),
}
CELLS = tuple(_BUILDERS)


def build_cell(inputs: int, config: NetworkConfig) -> nn.Module:
    """One layer of `config.cell` over `inputs` features; `forward(x, state=None) -> (y, state)`, batch first."""
    return _BUILDERS[config.cell](inputs, config)
