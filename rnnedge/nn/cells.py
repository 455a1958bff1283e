"""Every recurrent cell by name. A new one is a module, a line here, and a row in docs/networks.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from rnnedge.nn._lru import LRU
from rnnedge.nn.elman import SigmoidRNN
from rnnedge.nn.lstm import VariantLSTM
from rnnedge.nn.minimal import MinGRU, MinLSTM


@dataclass(frozen=True)
class Cell:
    """A cell by name: `units`, the outputs of an LSTM's `projection` (0: none), `peepholes`, normalized gates."""

    name: str
    units: int
    projection: int = 0
    peepholes: bool = False
    layer_norm: bool = False


def _lstm(inputs: int, cell: Cell) -> nn.Module:
    if cell.peepholes or cell.layer_norm:
        return VariantLSTM(inputs, cell.units, cell.projection, peepholes=cell.peepholes, layer_norm=cell.layer_norm)
    return nn.LSTM(inputs, cell.units, batch_first=True, proj_size=cell.projection)


_BUILDERS: dict[str, Callable[[int, Cell], nn.Module]] = {
    "rnn_sigmoid": lambda i, c: SigmoidRNN(i, c.units),
    "rnn_tanh": lambda i, c: nn.RNN(i, c.units, nonlinearity="tanh", batch_first=True),
    "rnn_relu": lambda i, c: nn.RNN(i, c.units, nonlinearity="relu", batch_first=True),
    "lstm": _lstm,
    "gru": lambda i, c: nn.GRU(i, c.units, batch_first=True),
    "mingru": lambda i, c: MinGRU(i, c.units),
    "minlstm": lambda i, c: MinLSTM(i, c.units),
    "lru": lambda i, c: LRU(i, c.units),
}
CELLS = tuple(_BUILDERS)


def build_cell(inputs: int, cell: Cell) -> nn.Module:
    """One layer of `cell` over `inputs` features; `forward(x, state=None) -> (y, state)`, batch first."""
    return _BUILDERS[cell.name](inputs, cell)
