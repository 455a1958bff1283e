"""The LSTM with what torch's does not have: peepholes, layer normalization inside the cell."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnnedge.nn.time_loop import time_loop

State = tuple[Tensor, Tensor]
# A gain of 1 would make the state as wide as its gates again in every frame: a recurrence that is chaotic, from 64
# units on so much that float32 and float64 part within some thousand frames. 0.1 is that of Cooijmans et al.,
# "Recurrent batch normalization", 2017, section 4, who look at the gradient.
_GAIN = 0.1


class VariantLSTM(nn.Module):
    """One layer of LSTM (Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000).

    i_t = sigmoid(W_i x_t + R_i h_{t-1} + p_i * c_{t-1} + b_i)
    f_t = sigmoid(W_f x_t + R_f h_{t-1} + p_f * c_{t-1} + b_f)
    g_t = tanh(W_g x_t + R_g h_{t-1} + b_g)
    c_t = f_t * c_{t-1} + i_t * g_t
    o_t = sigmoid(W_o x_t + R_o h_{t-1} + p_o * c_t + b_o)
    h_t = P (o_t * tanh(c_t))

    `peepholes`: the terms with p (Gers & Schmidhuber, "Recurrent nets that time and count", 2000); without, p = 0.
    `layer_norm`: W x and R h each normalized over the four gates together, and c where it becomes h (Ba, Kiros &
    Hinton, "Layer normalization", 2016, eq. 20 to 22). `projection`: rows of P (Sak, Senior & Beaufays, "Long
    short-term memory recurrent neural network architectures", 2014); 0 for P = 1.

    Gates are stored in the order i, f, g, o, as torch.nn.LSTM has them, uniform in +-1/sqrt(hidden_size). The state is
    (h, c), (batch, projection or hidden) and (batch, hidden), float32; it lives with the caller.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        projection: int = 0,
        *,
        peepholes: bool = False,
        layer_norm: bool = False,
    ) -> None:
        """`input_size` features per frame, `hidden_size` units, `projection` outputs per frame, 0 for `hidden_size`."""
        super().__init__()
        self.hidden_size = hidden_size
        self.output_size = projection or hidden_size
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(4 * hidden_size, self.output_size))
        self.bias = nn.Parameter(torch.empty(4 * hidden_size))
        self.weight_hr = nn.Parameter(torch.empty(projection, hidden_size)) if projection else None
        self.peepholes = nn.Parameter(torch.empty(3, hidden_size)) if peepholes else None
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(hidden_size**-0.5), hidden_size**-0.5)
        self.norm_x = nn.LayerNorm(4 * hidden_size) if layer_norm else nn.Identity()
        self.norm_h = nn.LayerNorm(4 * hidden_size) if layer_norm else nn.Identity()
        self.norm_c = nn.LayerNorm(hidden_size) if layer_norm else nn.Identity()
        for norm in (self.norm_x, self.norm_h):
            if isinstance(norm, nn.LayerNorm):
                nn.init.constant_(norm.weight, _GAIN)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """x (batch, time, input), state (h, c) or None for zeros -> h (batch, time, output), state."""
        first: State = (
            (x.new_zeros(x.shape[0], self.output_size), x.new_zeros(x.shape[0], self.hidden_size))
            if state is None
            else state
        )
        # All frames at once: only the recurrence has to wait.
        wx = self.norm_x(x @ self.weight_ih.T) + self.bias
        (h, c), hs = time_loop(self._step, first, wx.transpose(0, 1))
        return hs.transpose(0, 1), (h, c)

    def _step(self, state: State, wx: Tensor) -> tuple[State, Tensor]:
        h, c = state
        i, f, g, o = (wx + self.norm_h(h @ self.weight_hh.T)).chunk(4, dim=-1)
        if self.peepholes is not None:
            p = self.peepholes
            i, f = i + p[0] * c, f + p[1] * c
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            o = o + p[2] * c
        else:
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(self.norm_c(c))
        if self.weight_hr is not None:
            h = h @ self.weight_hr.T
        return (h, c), h
