"""One layer of a recurrence as an operator of its own, which comes out as the native ONNX operator, and its weights.

Weights are in ONNX gate order, so the finished graph shuffles nothing: LSTM i,f,g,o -> i,o,f,c; GRU r,z,n -> z,r,h with
`linear_before_reset=1`, which is torch's GRU (ONNX operator specification, opset 14).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import torch
from onnxscript import opset20
from torch import Tensor

from rnnedge_export.graph.gate_order import GATES

# Untyped: onnxscript annotates an operator with the types of its tensors, which a traced call does not hold.
op: Any = opset20

_KERNELS: dict[str, Callable[..., Any]] = {
    "LSTM": torch._VF.lstm,
    "GRU": torch._VF.gru,
    "RNN_TANH": torch._VF.rnn_tanh,
    "RNN_RELU": torch._VF.rnn_relu,
}


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
    # Whatever stands in for torch's functions while a module is captured calls this one.
    with torch._C.DisableTorchFunction():
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


@torch.library.custom_op("rnnedge::layer_weights", mutates_args=())
def layer_weights(weights: list[Tensor], mode: str, directions: int) -> tuple[Tensor, Tensor, Tensor]:
    """w, r and b of `recurrence`, from the weights and biases of a layer of torch in the order in which it has them.

    b is the input bias followed by the recurrent one; zeros for a layer without.
    """
    each = len(weights) // directions
    ordered = [_to_onnx(weight, mode) for weight in weights]
    w, r = (torch.stack(ordered[k::each]) for k in (0, 1))
    if each == 2:
        return w, r, w.new_zeros(directions, 2 * w.shape[1])
    return w, r, torch.stack([torch.cat(ordered[k + 2 : k + 4]) for k in range(0, len(ordered), each)])


@layer_weights.register_fake
def _(weights: list[Tensor], mode: str, directions: int) -> tuple[Tensor, Tensor, Tensor]:
    w, r = (weight.new_empty(directions, *weight.shape) for weight in weights[:2])
    return w, r, w.new_empty(directions, 2 * w.shape[1])


def _layer_weights_as_onnx(weights: Any, mode: str, directions: int) -> Any:
    """Of weights that are computed; those of a module are constants before (`_constant_weights.py`)."""
    each, first = len(weights) // directions, op.Constant(value_ints=[0])

    def gates(weight: Any) -> list[Any]:
        size = weight.shape[0] // len(GATES[mode])
        at = [(op.Constant(value_ints=[k * size]), op.Constant(value_ints=[(k + 1) * size])) for k in GATES[mode]]
        return [op.Slice(weight, start, end, first) for start, end in at]

    def stacked(*places: int) -> Any:
        rows = [[gate for k in places for gate in gates(weights[d * each + k])] for d in range(directions)]
        return op.Concat(*(op.Unsqueeze(op.Concat(*row, axis=0), first) for row in rows), axis=0)

    if each == 2:
        zeros = torch.zeros(directions, 2 * weights[0].shape[0]).numpy()
        return stacked(0), stacked(1), op.Constant(value=ir.tensor(zeros))
    return stacked(0), stacked(1), stacked(2, 3)


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.rnnedge.recurrence.default: _recurrence_as_onnx,
    torch.ops.rnnedge.layer_weights.default: _layer_weights_as_onnx,
}


def _to_onnx(tensor: Tensor, mode: str) -> Tensor:
    gates = tensor.chunk(len(GATES[mode]))
    return torch.cat([gates[i] for i in GATES[mode]])


def _to_torch(tensor: Tensor, mode: str) -> Tensor:
    order = GATES[mode]
    gates = tensor.chunk(len(order))
    return torch.cat([gates[order.index(i)] for i in range(len(order))])
