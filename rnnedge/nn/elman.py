"""The sigmoid Elman layer, the one that torch does not have."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnnedge.nn.time_loop import time_loop


class SigmoidRNN(nn.Module):
    """One layer of h_t = sigmoid(W_h [h_{t-1}, x_t] + b_h) (Elman, "Finding structure in time", 1990, eq. 1).

    torch.nn.RNN computes the same with tanh or relu. Initialized as torch.nn.RNN is: uniform in +-1/sqrt(hidden_size).
    The state is h (batch, hidden), float32; it lives with the caller.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        """`input_size` features per frame, `hidden_size` units."""
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.cell = nn.Linear(hidden_size + input_size, hidden_size)
        for parameter in self.cell.parameters():
            nn.init.uniform_(parameter, -(hidden_size**-0.5), hidden_size**-0.5)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x (batch, time, input), state (batch, hidden) or None for zeros -> h (batch, time, hidden), state."""
        h = x.new_zeros(x.shape[0], self.hidden_size) if state is None else state

        def step(h: Tensor, x_t: Tensor) -> tuple[Tensor, Tensor]:
            h = torch.sigmoid(self.cell(torch.cat([h, x_t], dim=-1)))
            return h, h

        h, hs = time_loop(step, h, x.transpose(0, 1))
        return hs.transpose(0, 1), h
