"""nn.RNN, nn.GRU and nn.LSTM, and the functions behind them, as one operator per layer while a module is captured.

torch's own decompositions freeze the time axis, unroll nn.RNN, or drop attributes without a word (pytorch #191855,
#189225). One operator per layer keeps lengths symbolic.

1. `torch.lstm`, `gru`, `rnn_tanh` and `rnn_relu` are replaced, which is all that the layers call: a module keeps its
   layers, and finds in them what it looks for, whatever weights they compute with.
2. What the layers check of their arguments compares lengths, which would fix them. The module was called before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from rnnedge_export.capture._projected import projected_layer
from rnnedge_export.capture._user_lines import line_running
from rnnedge_runtime.errors import ModelRefused

Weights = Sequence[Tensor]


def _recurrent(
    mode: str,
    x: Tensor,
    states: tuple[Tensor, ...],
    params: Weights,
    has_biases: bool,
    num_layers: int,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, ...]:
    """x (batch, time, input) if batch_first, else (time, batch, input) -> y in the same order, and the last states."""
    if batch_first:
        x = x.transpose(0, 1)
    directions = 2 if bidirectional else 1
    projected = len(states) == 2 and len(params) == num_layers * directions * (5 if has_biases else 3)
    if projected and bidirectional:
        raise ModelRefused(
            f"{line_running() or 'LSTM'}: a bidirectional LSTM reads the sequence from its end; use bidirectional=False"
        )
    each, found = len(params) // num_layers, []
    for layer in range(num_layers):
        weights = params[layer * each : (layer + 1) * each]
        initial = [state[layer * directions : (layer + 1) * directions] for state in states]
        if projected:
            x, *last = projected_layer(x, initial, weights, has_biases)
        else:
            x, *last = _layer(mode, x, initial, weights, directions)
        found.append(last)
    finals = (parts[0] if num_layers == 1 else torch.cat(parts) for parts in zip(*found, strict=True))
    return (x.transpose(0, 1) if batch_first else x, *finals)


def _layer(mode: str, x: Tensor, initial: list[Tensor], weights: Weights, directions: int) -> tuple[Tensor, ...]:
    w, r, b = torch.ops.rnnedge.layer_weights(weights, mode, directions)
    y, *last = torch.ops.rnnedge.recurrence(x, initial[0], initial[-1], w, r, b, mode)
    return (y, *last[: len(initial)])


def _function(mode: str) -> Callable[..., tuple[Tensor, ...]]:
    """In the place of a function of torch that takes frames: `dropout` and `train` are those of a training."""

    def function(
        input: Tensor,
        hx: Any,
        params: Weights,
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> tuple[Tensor, ...]:
        states = tuple(hx) if mode == "LSTM" else (hx,)
        return _recurrent(mode, input, states, params, has_biases, num_layers, bidirectional, batch_first)

    return function


_OWN: dict[Any, Callable[..., Any]] = {
    torch.lstm: _function("LSTM"),
    torch.gru: _function("GRU"),
    torch.rnn_tanh: _function("RNN_TANH"),
    torch.rnn_relu: _function("RNN_RELU"),
}


class _Layers(TorchFunctionMode):
    # dynamo traces this inside scan.
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _OWN.get(func, func)(*args, **(kwargs or {}))


def _taken(*_: object) -> None:
    """Case 2."""


@contextmanager
def recurrent_layers() -> Iterator[None]:
    """Cases 1 and 2, while a module is captured."""
    with (
        patch.object(nn.RNNBase, "check_forward_args", _taken),
        patch.object(nn.LSTM, "check_forward_args", _taken),
        _Layers(),
    ):
        yield
