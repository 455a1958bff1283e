"""How weights begin, by name.

| name         | recurrent weights   | input weights | biases                            | for             |
|--------------|---------------------|---------------|-----------------------------------|-----------------|
| `torch`      | uniform +-1/sqrt(H) | the same      | the same                          | every cell      |
| `orthogonal` | orthogonal, by gate | Glorot        | 0; 1 for an LSTM's forget gate    | Elman, LSTM, GRU |
| `irnn`       | the identity        | N(0, 0.001)   | 0                                 | rnn_relu        |
| `chrono`     | orthogonal, by gate | Glorot        | gates of half-lives up to a limit | LSTM, GRU       |
|              | none                | as `torch`    | the same                          | minGRU, minLSTM |
|              | |lambda| = exp(-1/u) | as `torch`   | none                              | LRU             |

Orthogonal: Saxe, McClelland & Ganguli, "Exact solutions to the nonlinear dynamics of learning", 2014: a gradient keeps
its length on its way back. Glorot & Bengio, "Understanding the difficulty of training", 2010. Forget bias of 1: Gers,
Schmidhuber & Cummins 2000; Jozefowicz, Zaremba & Sutskever, "An empirical exploration", 2015. Identity: Le, Jaitly &
Hinton, "A simple way to initialize recurrent networks of rectified linear units", 2015. Chrono: Tallec & Ollivier, "Can
recurrent neural networks warp time?", 2018, section 2.3; of the LRU, whose memory is |lambda| itself, u in its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnnedge.nn._lru import LRU
from rnnedge.nn.elman import SigmoidRNN
from rnnedge.nn.lstm import VariantLSTM
from rnnedge.nn.minimal import MinGRU, MinLSTM
from rnnedge_runtime.errors import InputError

INITIALIZATIONS = ("torch", "orthogonal", "irnn", "chrono")
# Standard deviation of the input weights (Le et al., section 4).
_IRNN_STD = 0.001


@dataclass(frozen=True)
class _Gates:
    """The parameters of a layer: weights stacked by gate, and the biases that add up."""

    kind: str
    input: Tensor
    recurrent: Tensor
    biases: tuple[Tensor, ...]
    count: int


def initialize(network: nn.Module, name: str, memory_frames: int = 0) -> None:
    """Give every recurrent layer of `network` the weights that `name` stands for; torch's generator decides.

    `memory_frames`: the longest memory for "chrono". Raises `InputError` for a cell that `name` is not for.
    """
    if name == "torch":
        return
    for layer in network.modules():
        if isinstance(layer, (MinGRU, MinLSTM, LRU)):
            _remember_linear(layer, name, memory_frames)
        if isinstance(layer, (nn.RNNBase, VariantLSTM, SigmoidRNN)):
            with torch.no_grad():
                _fill(_gates(layer), name, memory_frames)


def _gates(layer: nn.Module) -> _Gates:
    if isinstance(layer, VariantLSTM):
        return _Gates("LSTM", layer.weight_ih, layer.weight_hh, (layer.bias,), 4)
    if isinstance(layer, SigmoidRNN):
        w = layer.cell.weight
        return _Gates("sigmoid", w[:, layer.hidden_size :], w[:, : layer.hidden_size], (layer.cell.bias,), 1)
    assert isinstance(layer, nn.RNNBase)
    kind = {"RNN_TANH": "tanh", "RNN_RELU": "relu"}.get(layer.mode, layer.mode)
    w_ih, w_hh, b_ih, b_hh = (getattr(layer, f"{n}_l0") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    return _Gates(kind, w_ih, w_hh, (b_ih, b_hh), {"LSTM": 4, "GRU": 3}.get(kind, 1))


def _fill(gates: _Gates, name: str, memory_frames: int) -> None:
    for bias in gates.biases:
        bias.zero_()
    if name == "irnn":
        if gates.kind != "relu":
            raise InputError(f"init: irnn is for rnn_relu, found a cell with {gates.kind}")
        nn.init.eye_(gates.recurrent)
        nn.init.normal_(gates.input, std=_IRNN_STD)
        return
    for w in gates.recurrent.chunk(gates.count):
        nn.init.orthogonal_(w)
    for w in gates.input.chunk(gates.count):
        nn.init.xavier_uniform_(w)
    if name == "chrono":
        _remember(gates, memory_frames)
    elif gates.kind == "LSTM":
        gates.biases[0].chunk(4)[1].fill_(1.0)


def _remember(gates: _Gates, memory_frames: int) -> None:
    """Biases with which units forget after 1 to `memory_frames` frames: log(u) with u uniform in [1, T - 1]."""
    b = torch.log(_memories(gates.recurrent.shape[0] // gates.count, memory_frames))
    parts = gates.biases[0].chunk(gates.count)
    if gates.kind == "LSTM":
        parts[0].copy_(-b)
        parts[1].copy_(b)
    elif gates.kind == "GRU":
        # torch's z keeps the old state, as a forget gate does.
        parts[1].copy_(b)
    else:
        raise InputError(f"init: chrono is for lstm and gru, which have gates, found a cell with {gates.kind}")


def _memories(units: int, memory_frames: int) -> Tensor:
    return torch.empty(units).uniform_(1, max(memory_frames - 1, 1))


def _remember_linear(layer: MinGRU | MinLSTM | LRU, name: str, memory_frames: int) -> None:
    if name != "chrono":
        raise InputError(f"init: {name} is for recurrent weights, which {type(layer).__name__} has none of")
    u = _memories(layer.hidden_size, memory_frames)
    if isinstance(layer, LRU):
        layer.remember(torch.exp(-1 / u))
        return
    with torch.no_grad():
        # The first rows let the frame in: z of minGRU, i of minLSTM; then comes what keeps.
        layer.gates.bias[: layer.hidden_size].copy_(-torch.log(u))
        if isinstance(layer, MinLSTM):
            layer.gates.bias[layer.hidden_size : 2 * layer.hidden_size].copy_(torch.log(u))
