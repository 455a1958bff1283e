"""LSTM with projections, which the ONNX operator does not have: one Scan per layer."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from rnnedge_runtime.errors import ModelRefused


class ProjectedLSTM(nn.Module):
    """Stands in for a torch.nn.LSTM with proj_size while it is captured (Sak, Senior & Beaufays, 2014, section 2.1).

    i, f, g, o of x_t and the projected r_{t-1}; c_t = f c_{t-1} + i g; r_t = W_r (o tanh(c_t)).
    """

    def __init__(self, source: nn.RNNBase, place: str) -> None:
        """Take the weights of `source`, which messages call `place`; raises `ModelRefused` for a bidirectional one."""
        super().__init__()
        if source.bidirectional:
            raise ModelRefused(
                f"{place}: a bidirectional LSTM reads the sequence from its end; use bidirectional=False"
            )
        self.source_weights = nn.ParameterDict(dict(source.named_parameters()))
        self.hidden_size, self.proj_size, self.bias = source.hidden_size, source.proj_size, source.bias
        self.num_layers, self.batch_first = source.num_layers, source.batch_first

    def flatten_parameters(self) -> None:
        """Nothing to do."""

    def forward(self, x: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """As torch.nn.LSTM: x (batch, time, input) if batch_first, else (time, batch, input)."""
        if self.batch_first:
            x = x.transpose(0, 1)
        sizes = (self.proj_size, self.hidden_size)
        r0, c0 = hx or tuple(x.new_zeros(self.num_layers, x.shape[1], size) for size in sizes)
        rs, cs = [], []
        for layer in range(self.num_layers):
            (r, c), x = self._layer(layer, x, r0[layer].clone(), c0[layer].clone())
            rs.append(r)
            cs.append(c)
        y = x.transpose(0, 1) if self.batch_first else x
        return y, (torch.stack(rs), torch.stack(cs))

    def _layer(self, layer: int, x: Tensor, r0: Tensor, c0: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        from torch._higher_order_ops.scan import scan

        def weight(name: str) -> Tensor:
            return cast(Tensor, self.source_weights[f"{name}_l{layer}"])

        recurrent, projection = weight("weight_hh"), weight("weight_hr")
        bias = weight("bias_ih") + weight("bias_hh") if self.bias else None
        gates = nn.functional.linear(x, weight("weight_ih"), bias)

        def body(carry: tuple[Tensor, Tensor], gates_t: Tensor) -> Any:
            r, c = carry
            i, f, g, o = (gates_t + nn.functional.linear(r, recurrent)).chunk(4, dim=-1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            r = nn.functional.linear(torch.sigmoid(o) * torch.tanh(c), projection)
            # The operator refuses results that share memory with each other.
            return (r, c), r.clone()

        after, ys = scan(body, (r0, c0), gates)
        return after, ys
