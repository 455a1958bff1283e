"""The source with sigmoid and tanh as the runtime has them: other polynomials, an ulp or two from PyTorch's.

A gate near 1 has steps of 6e-8, and a unit that it keeps for thousands of frames adds up what its polynomial is off by:
always the same, which no change of the inputs shows. The equations are written here once more, in PyTorch's gate order,
and share nothing with the compiler.

1. nn.GRU, nn.LSTM, nn.RNN with tanh, and their cells, by torch.nn's equations; of a GRU h' = (1 - z) n + z h, as ONNX
   has it.
2. `sigmoid` and `tanh` by themselves.
3. nn.GRU and nn.RNN also with the functions of the runtime's own kernels, as the native form has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from onnx import TensorProto, helper
from torch import Tensor
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

from rnnedge_export.graph.cpu_session import session
from rnnedge_export.verification.kernel_functions import of_kernel

States = tuple[Tensor, ...]
Step = Callable[..., States]


class _Functions(NamedTuple):
    sigmoid: Callable[[Tensor], Tensor]
    tanh: Callable[[Tensor], Tensor]


@cache
def _session(operator: str) -> Any:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy")
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], operator, [x], [y])
    return session(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9))


def _sigmoid(x: Tensor) -> Tensor:
    return torch.from_numpy(_session("Sigmoid").run(None, {"x": x.numpy(force=True)})[0])


def _tanh(x: Tensor) -> Tensor:
    return torch.from_numpy(_session("Tanh").run(None, {"x": x.numpy(force=True)})[0])


_PLAIN = _Functions(_sigmoid, _tanh)


def _kernel(operator: str) -> _Functions:
    if operator == "LSTM":
        return _PLAIN
    return _Functions(partial(of_kernel, operator, "sigmoid"), partial(of_kernel, operator, "tanh"))


def _gru(
    own: _Functions, x: Tensor, states: States, w: Tensor, r: Tensor, b: Tensor | None = None, c: Tensor | None = None
) -> States:
    (h,) = states
    (reset, update, new), (reset_h, update_h, new_h) = (y.chunk(3, -1) for y in (linear(x, w, b), linear(h, r, c)))
    z = own.sigmoid(update + update_h)
    return ((1 - z) * own.tanh(new + own.sigmoid(reset + reset_h) * new_h) + z * h,)


def _lstm(
    own: _Functions, x: Tensor, states: States, w: Tensor, r: Tensor, b: Tensor | None = None, c: Tensor | None = None
) -> States:
    h, cell = states
    i, f, g, o = (linear(x, w, b) + linear(h, r, c)).chunk(4, -1)
    cell = own.sigmoid(f) * cell + own.sigmoid(i) * own.tanh(g)
    return own.sigmoid(o) * own.tanh(cell), cell


def _rnn(
    own: _Functions, x: Tensor, states: States, w: Tensor, r: Tensor, b: Tensor | None = None, c: Tensor | None = None
) -> States:
    return (own.tanh(linear(x, w, b) + linear(states[0], r, c)),)


def _states(given: Any) -> States:
    return (given,) if isinstance(given, Tensor) else tuple(given)


def _cell(step: Step) -> Callable[..., Any]:
    def function(x: Tensor, given: Any, *weights: Tensor) -> Any:
        found = step(x, _states(given), *weights)
        return found if len(found) > 1 else found[0]

    return function


def _layers(step: Step) -> Callable[..., States]:
    """As `torch.gru`: of each layer one direction or both, of each of these its parameters and its states."""

    def function(
        x: Tensor, given: Any, params: Sequence[Tensor], biases: bool, layers: int, _: float, __: bool, *order: bool
    ) -> States:
        both, batch_first = order
        each = len(params) // (layers * (1 + both))
        y, last = x.transpose(0, 1) if batch_first else x, []
        for layer in range(layers):
            sides: list[Tensor] = []
            for place in range(layer * (1 + both), (layer + 1) * (1 + both)):
                states = tuple(state[place] for state in _states(given))
                rows, states = _along(step, y, states, params[each * place : each * (place + 1)], biases, bool(sides))
                sides.append(rows)
                last.append(states)
            y = torch.cat(sides, -1)
        return (y.transpose(0, 1) if batch_first else y, *map(torch.stack, zip(*last, strict=True)))

    return function


def _along(
    step: Step, x: Tensor, states: States, params: Sequence[Tensor], biases: bool, reverse: bool
) -> tuple[Tensor, States]:
    """One direction of a layer over x (time, batch, features); the last parameter may project the hidden state."""
    plain = 4 if biases else 2
    rows = []
    for frame in x.flip(0) if reverse else x:
        states = step(frame, states, *params[:plain])
        if len(params) > plain:
            states = (linear(states[0], params[plain]), *states[1:])
        rows.append(states[0])
    y = torch.stack(rows)
    return y.flip(0) if reverse else y, states


_LAYERS: dict[Any, tuple[Callable[..., States], str]] = {
    torch.gru: (_gru, "GRU"),
    torch.lstm: (_lstm, "LSTM"),
    torch.rnn_tanh: (_rnn, "RNN"),
}
_CELLS: dict[Any, Callable[..., States]] = {
    torch.gru_cell: _gru,
    torch.lstm_cell: _lstm,
    torch.rnn_tanh_cell: _rnn,
}


@cache
def _own(kernels: bool) -> dict[Any, Callable[..., Any]]:
    layers = {
        func: _layers(partial(step, _kernel(name) if kernels else _PLAIN)) for func, (step, name) in _LAYERS.items()
    }
    return {
        **layers,
        **{func: _cell(partial(step, _PLAIN)) for func, step in _CELLS.items()},
        **dict.fromkeys((torch.sigmoid, Tensor.sigmoid), _sigmoid),
        **dict.fromkeys((torch.tanh, Tensor.tanh), _tanh),
    }


class RuntimeFunctions(TorchFunctionMode):
    """While it is entered, float32 is computed so; `kernels`: case 3."""

    def __init__(self, *, kernels: bool = False) -> None:
        """Of plain functions, or of kernels."""
        super().__init__()
        self._own = _own(kernels)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Of the functions above; everything else as it is."""
        own = None if kwargs or not args else self._own.get(func)
        plain = own is not None and isinstance(args[0], Tensor) and args[0].dtype == torch.float32
        return own(*args) if own is not None and plain else func(*args, **(kwargs or {}))
