"""minGRU and minLSTM: gates that read the frame alone, so that all frames train at once.

Feng, Tung, Ahmed, Bengio & Hajimirsadeghi, "Were RNNs all we needed?", 2024, sections 3.1 and 3.2, in the form without
logarithms: a scan that never divides needs none, and the candidate keeps its sign.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from rnnedge.nn.linear_scan import linear_recurrence


class MinGRU(nn.Module):
    """One layer of h_t = (1 - z_t) * h_{t-1} + z_t * (W_h x_t + b_h), z_t = sigmoid(W_z x_t + b_z).

    Initialized as torch.nn.Linear, the rows of z before those of h. The state is h (batch, hidden), float32; it lives
    with the caller.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        """`input_size` features per frame, `hidden_size` units."""
        super().__init__()
        self.hidden_size = hidden_size
        self.gates = nn.Linear(input_size, 2 * hidden_size)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x (batch, time, input), state (batch, hidden) or None for zeros -> h (batch, time, hidden), state."""
        h = x.new_zeros(x.shape[0], self.hidden_size) if state is None else state
        z, candidate = self.gates(x).chunk(2, dim=-1)
        z = torch.sigmoid(z)
        return linear_recurrence(1 - z, z * candidate, h)


class MinLSTM(nn.Module):
    """One layer of h_t = f'_t * h_{t-1} + i'_t * (W_h x_t + b_h), f' = f / (f + i), i' = i / (f + i).

    f_t = sigmoid(W_f x_t + b_f), i_t = sigmoid(W_i x_t + b_i). Computed as f' = sigmoid(log f - log i), i' = 1 - f',
    which no pair of closed gates makes 0 / 0.

    Initialized as torch.nn.Linear, the rows of i, f and h in this order. The state is h (batch, hidden), float32; it
    lives with the caller.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        """`input_size` features per frame, `hidden_size` units."""
        super().__init__()
        self.hidden_size = hidden_size
        self.gates = nn.Linear(input_size, 3 * hidden_size)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x (batch, time, input), state (batch, hidden) or None for zeros -> h (batch, time, hidden), state."""
        h = x.new_zeros(x.shape[0], self.hidden_size) if state is None else state
        i, f, candidate = self.gates(x).chunk(3, dim=-1)
        f = torch.sigmoid(softplus(-i) - softplus(-f))
        return linear_recurrence(f, (1 - f) * candidate, h)
