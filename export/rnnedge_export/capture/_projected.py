"""LSTM with projections, which the ONNX operator does not have: one Scan per layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


def projected_layer(
    x: Tensor, initial: Sequence[Tensor], weights: Sequence[Tensor], has_biases: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """One layer of torch.nn.LSTM with proj_size (Sak, Senior & Beaufays, 2014, section 2.1).

    x (time, batch, input), initial r (1, batch, proj) and c (1, batch, hidden) -> y (time, batch, proj), r and c.
    i, f, g, o of x_t and the projected r_{t-1}; c_t = f c_{t-1} + i g; r_t = W_r (o tanh(c_t)).
    """
    from torch._higher_order_ops.scan import scan

    input_weight, recurrent, projection = weights[0], weights[1], weights[-1]
    gates = nn.functional.linear(x, input_weight, weights[2] + weights[3] if has_biases else None)

    def body(carry: tuple[Tensor, Tensor], gates_t: Tensor) -> Any:
        r, c = carry
        i, f, g, o = (gates_t + nn.functional.linear(r, recurrent)).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        r = nn.functional.linear(torch.sigmoid(o) * torch.tanh(c), projection)
        # The operator refuses results that share memory with each other.
        return (r, c), r.clone()

    (r, c), y = scan(body, (initial[0][0].clone(), initial[1][0].clone()), gates)
    return y, r.unsqueeze(0), c.unsqueeze(0)
