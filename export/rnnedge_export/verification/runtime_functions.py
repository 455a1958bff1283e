"""The source with sigmoid and tanh as the runtime has them: other polynomials, an ulp or two from PyTorch's.

A gate near 1 has steps of 6e-8, and a unit that it keeps for thousands of frames adds up what its polynomial is off by:
always the same, which no change of the inputs shows. The equations are written here once more, in PyTorch's gate order,
and share nothing with the compiler.

1. nn.GRU, nn.LSTM, nn.RNN with tanh, and their cells, by torch.nn's equations; of a GRU h' = (1 - z) n + z h, as ONNX
   has it. Two directions and projections are left as they are.
2. `sigmoid` and `tanh` by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from onnx import TensorProto, helper
from torch import Tensor
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

from rnnedge_export.capture.shape_probing import session

States = tuple[Tensor, ...]
Step = Callable[..., States]


@cache
def _session(operator: str) -> Any:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy")
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], operator, [x], [y])
    return session(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9))


def _sigmoid(x: Tensor) -> Tensor:
    return torch.from_numpy(_session("Sigmoid").run(None, {"x": x.numpy(force=True)})[0])


def _tanh(x: Tensor) -> Tensor:
    return torch.from_numpy(_session("Tanh").run(None, {"x": x.numpy(force=True)})[0])


def _gru(x: Tensor, states: States, w: Tensor, r: Tensor, b: Tensor | None = None, c: Tensor | None = None) -> States:
    (h,) = states
    (reset, update, new), (reset_h, update_h, new_h) = (y.chunk(3, -1) for y in (linear(x, w, b), linear(h, r, c)))
    z = _sigmoid(update + update_h)
    return ((1 - z) * _tanh(new + _sigmoid(reset + reset_h) * new_h) + z * h,)


def _lstm(x: Tensor, states: States, w: Tensor, r: Tensor, b: Tensor | None = None, c: Tensor | None = None) -> States:
    h, cell = states
    i, f, g, o = (linear(x, w, b) + linear(h, r, c)).chunk(4, -1)
    cell = _sigmoid(f) * cell + _sigmoid(i) * _tanh(g)
    return _sigmoid(o) * _tanh(cell), cell


def _rnn(x: Tensor, states: States, w: Tensor, r: Tensor, b: Tensor | None = None, c: Tensor | None = None) -> States:
    return (_tanh(linear(x, w, b) + linear(states[0], r, c)),)


def _states(given: Any) -> States:
    return (given,) if isinstance(given, Tensor) else tuple(given)


def _cell(step: Step) -> Callable[..., Any]:
    def function(x: Tensor, given: Any, *weights: Tensor) -> Any:
        found = step(x, _states(given), *weights)
        return found if len(found) > 1 else found[0]

    return function


def _layers(step: Step) -> Callable[..., States | None]:
    """As `torch.gru`; None for what is left as it is."""

    def function(
        x: Tensor, given: Any, params: Sequence[Tensor], biases: bool, layers: int, _: float, __: bool, *order: bool
    ) -> States | None:
        both, batch_first = order
        each = 4 if biases else 2
        if both or len(params) != each * layers:
            return None
        y, last = x.transpose(0, 1) if batch_first else x, []
        for layer in range(layers):
            states, rows = tuple(state[layer] for state in _states(given)), []
            for frame in y:
                states = step(frame, states, *params[each * layer : each * (layer + 1)])
                rows.append(states[0])
            y = torch.stack(rows)
            last.append(states)
        return (y.transpose(0, 1) if batch_first else y, *map(torch.stack, zip(*last, strict=True)))

    return function


_OWN: dict[Any, Callable[..., Any]] = {
    torch.gru: _layers(_gru),
    torch.lstm: _layers(_lstm),
    torch.rnn_tanh: _layers(_rnn),
    torch.gru_cell: _cell(_gru),
    torch.lstm_cell: _cell(_lstm),
    torch.rnn_tanh_cell: _cell(_rnn),
    **dict.fromkeys((torch.sigmoid, Tensor.sigmoid), _sigmoid),
    **dict.fromkeys((torch.tanh, Tensor.tanh), _tanh),
}


class RuntimeFunctions(TorchFunctionMode):
    """While it is entered, float32 is computed so."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Of the functions above; everything else as it is."""
        own = None if kwargs or not args else _OWN.get(func)
        plain = own is not None and isinstance(args[0], Tensor) and args[0].dtype == torch.float32
        found = own(*args) if own is not None and plain else None
        return func(*args, **(kwargs or {})) if found is None else found
