"""nn.RNN, nn.GRU and nn.LSTM as one opaque operator per layer while a module is captured.

torch's own decompositions freeze the time axis, unroll nn.RNN, or drop attributes without a word (pytorch #191855,
#189225). One custom operator per layer keeps lengths symbolic and comes out as the native ONNX operator.

1. Weights are stored in ONNX gate order, so the finished graph shuffles nothing: LSTM i,f,g,o -> i,o,f,c;
   GRU r,z,n -> z,r,h with `linear_before_reset=1`, which is torch's GRU (ONNX operator specification, opset 14).
2. A swapped-in module has the attributes that user code reads (`hidden_size`, `num_layers`, ...).
3. A module that appears at several places is swapped at all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from onnxscript import opset20
from torch import Tensor, nn

from rnnedge_export.capture._projected import ProjectedLSTM
from rnnedge_export.graph.gate_order import GATES
from rnnedge_runtime.errors import ModelRefused

# Untyped: onnxscript annotates an operator with the types of its tensors, which a traced call does not hold.
op: Any = opset20

_KERNELS: dict[str, Callable[..., Any]] = {
    "LSTM": torch._VF.lstm,
    "GRU": torch._VF.gru,
    "RNN_TANH": torch._VF.rnn_tanh,
    "RNN_RELU": torch._VF.rnn_relu,
}
State = Tensor | tuple[Tensor, Tensor]


@torch.library.custom_op("rnnedge::recurrence", mutates_args=())
def recurrence(
    x: Tensor, h0: Tensor, c0: Tensor, w: Tensor, r: Tensor, b: Tensor, mode: str
) -> tuple[Tensor, Tensor, Tensor]:
    """One layer: x (time, batch, input), h0 and c0 (directions, batch, hidden) -> y, h, c.

    w (directions, gates*hidden, input), r (directions, gates*hidden, hidden), b (directions, 2*gates*hidden), all in
    ONNX gate order; y (time, batch, directions*hidden). c is meaningless but for mode "LSTM".
    """
    weights = []
    for d in range(w.shape[0]):
        b_w, b_r = b[d].chunk(2)
        weights += [_to_torch(t, mode) for t in (w[d], r[d], b_w, b_r)]
    hx = (h0, c0) if mode == "LSTM" else h0
    y, *state = _KERNELS[mode](x, hx, weights, True, 1, 0.0, False, w.shape[0] == 2, False)
    c = state[1] if mode == "LSTM" else c0.clone()
    return y.contiguous(), state[0].contiguous(), c.contiguous()


@recurrence.register_fake
def _(x: Tensor, h0: Tensor, c0: Tensor, w: Tensor, r: Tensor, b: Tensor, mode: str) -> tuple[Tensor, Tensor, Tensor]:
    y = x.new_empty(x.shape[0], x.shape[1], r.shape[0] * r.shape[2])
    return y, torch.empty_like(h0), torch.empty_like(c0)


def _recurrence_as_onnx(x: Any, h0: Any, c0: Any, w: Any, r: Any, b: Any, mode: str) -> Any:
    both = r.shape[0] == 2
    options = {"direction": "bidirectional" if both else "forward", "hidden_size": r.shape[2]}
    c = c0
    if mode == "LSTM":
        y, h, c = op.LSTM(x, w, r, b, None, h0, c0, **options)
    elif mode == "GRU":
        y, h = op.GRU(x, w, r, b, None, h0, linear_before_reset=1, **options)
    else:
        names = ["Tanh" if mode == "RNN_TANH" else "Relu"] * r.shape[0]
        y, h = op.RNN(x, w, r, b, None, h0, activations=names, **options)
    if both:
        y = op.Reshape(op.Transpose(y, perm=[0, 2, 1, 3]), op.Constant(value_ints=[0, 0, -1]))
    else:
        y = op.Squeeze(y, op.Constant(value_ints=[1]))
    return y, h, op.Identity(c) if mode != "LSTM" else c


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {torch.ops.rnnedge.recurrence.default: _recurrence_as_onnx}


class OpaqueRecurrence(nn.Module):
    """Stands in for one nn.RNN, nn.GRU or nn.LSTM of any depth, direction and layout during capture."""

    def __init__(self, source: nn.RNNBase, place: str) -> None:
        """Copy the weights of `source`, which messages call `place`."""
        super().__init__()
        self.place = place
        self.mode = source.mode
        self.input_size, self.hidden_size = source.input_size, source.hidden_size
        self.num_layers, self.bias, self.dropout = source.num_layers, source.bias, source.dropout
        self.batch_first, self.bidirectional = source.batch_first, source.bidirectional
        self.proj_size = 0
        self.directions = 2 if source.bidirectional else 1
        for layer in range(self.num_layers):
            for letter, tensor in _onnx_weights(source, layer, self.directions).items():
                self.register_buffer(f"{letter}{layer}", tensor)

    def flatten_parameters(self) -> None:
        """Nothing to do: the weights are already in their final layout."""

    def forward(self, x: Tensor, hx: State | None = None) -> tuple[Tensor, State]:
        """As torch.nn.RNNBase: x (batch, time, input) if batch_first, else (time, batch, input), or unbatched."""
        if not isinstance(x, Tensor):
            raise ModelRefused(
                f"{self.place}: called with a {type(x).__name__}; streaming feeds frames as they come, so export the "
                "network without packing (pack_padded_sequence belongs in the training loop)"
            )
        unbatched = x.dim() == 2
        if unbatched:
            x = x.unsqueeze(1)
        elif self.batch_first:
            x = x.transpose(0, 1)
        h0, c0 = self._initial(x, hx, unbatched)
        hs, cs = [], []
        for layer in range(self.num_layers):
            part = slice(layer * self.directions, (layer + 1) * self.directions)
            w, r, b = (getattr(self, f"{letter}{layer}") for letter in "WRB")
            x, h, c = torch.ops.rnnedge.recurrence(x, h0[part], c0[part], w, r, b, self.mode)
            hs.append(h)
            cs.append(c)
        h, c = (parts[0] if len(parts) == 1 else torch.cat(parts) for parts in (hs, cs))
        if unbatched:
            x, h, c = x.squeeze(1), h.squeeze(1), c.squeeze(1)
        elif self.batch_first:
            x = x.transpose(0, 1)
        return x, ((h, c) if self.mode == "LSTM" else h)

    def _initial(self, x: Tensor, hx: State | None, unbatched: bool) -> tuple[Tensor, Tensor]:
        if hx is None:
            zeros = x.new_zeros(self.directions * self.num_layers, x.shape[1], self.hidden_size)
            return zeros, zeros
        h0, c0 = hx if isinstance(hx, (tuple, list)) else (hx, hx)
        return (h0.unsqueeze(1), c0.unsqueeze(1)) if unbatched else (h0, c0)


@contextmanager
def opaque(module: nn.Module) -> Iterator[nn.Module]:
    """Swap every torch recurrence inside `module`, yield the module to capture, and swap them back at the end."""
    made: dict[int, nn.Module] = {}
    swapped: list[tuple[nn.Module, str, nn.Module]] = []

    def stand_in(source: nn.RNNBase, place: str) -> nn.Module:
        if id(source) not in made:
            kind = ProjectedLSTM if source.proj_size else OpaqueRecurrence
            made[id(source)] = kind(source, place).eval()
        return made[id(source)]

    if _is_torch_recurrence(module):
        yield stand_in(cast(nn.RNNBase, module), type(module).__name__)
        return
    try:
        for place, child in list(module.named_modules(remove_duplicate=False)):
            if place and _is_torch_recurrence(child):
                parent_name, _, name = place.rpartition(".")
                parent = module.get_submodule(parent_name)
                swapped.append((parent, name, child))
                parent._modules[name] = stand_in(cast(nn.RNNBase, child), _shown(place, child))
        yield module
    finally:
        for parent, name, child in swapped:
            parent._modules[name] = child


def _shown(place: str, child: nn.Module) -> str:
    """The path as the user knows it, without the exporter's own wrapper."""
    return type(child).__name__ if place == "module" else place.removeprefix("module.")


def _is_torch_recurrence(module: nn.Module) -> bool:
    """A subclass that computes something of its own in `forward` is left as it is."""
    return isinstance(module, (nn.RNN, nn.GRU, nn.LSTM)) and type(module).forward in (
        nn.RNN.forward,
        nn.GRU.forward,
        nn.LSTM.forward,
    )


def _onnx_weights(source: nn.RNNBase, layer: int, directions: int) -> dict[str, Tensor]:
    """W, R and B of one layer, stacked over directions; B is the input bias followed by the recurrent one."""
    suffixes = [f"_l{layer}", f"_l{layer}_reverse"][:directions]
    gates = len(GATES[source.mode])

    def get(name: str, suffix: str) -> Tensor:
        if name.startswith("bias") and not source.bias:
            return cast(Tensor, source.weight_hh_l0).new_zeros(gates * source.hidden_size)
        return _to_onnx(cast(Tensor, getattr(source, name + suffix)).detach(), source.mode)

    return {
        "W": torch.stack([get("weight_ih", s) for s in suffixes]),
        "R": torch.stack([get("weight_hh", s) for s in suffixes]),
        "B": torch.stack([torch.cat([get("bias_ih", s), get("bias_hh", s)]) for s in suffixes]),
    }


def _to_onnx(tensor: Tensor, mode: str) -> Tensor:
    gates = tensor.chunk(len(GATES[mode]))
    return torch.cat([gates[i] for i in GATES[mode]])


def _to_torch(tensor: Tensor, mode: str) -> Tensor:
    order = GATES[mode]
    gates = tensor.chunk(len(order))
    return torch.cat([gates[order.index(i)] for i in range(len(order))])
