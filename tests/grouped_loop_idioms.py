"""Loops that share frames with another one, or give several values of each."""

from __future__ import annotations

import torch
from loop_idioms import Cells, zeros
from torch import Tensor


def two_loops_over_the_same_frames(net: Cells, x: Tensor) -> Tensor:
    """A loop whose outputs weigh the states of a second one, which reads the same gates (gated slot attention)."""
    gates, keys, values = torch.sigmoid(net.linear(x)), zeros(x), zeros(x)
    first, second = [], []
    for t in range(x.shape[1]):
        keys = gates[:, t] * keys + (1 - gates[:, t]) * x[:, t]
        first.append(keys)
    weights = torch.stack(first, 1).softmax(-1)
    for t in range(x.shape[1]):
        values = gates[:, t] * values + x[:, t]
        second.append(weights[:, t] * values)
    return torch.stack(second, 1)


def parts_of_a_frame(net: Cells, x: Tensor) -> Tensor:
    """Three parts of every frame one after the other, all of them in one list (FARGAN's subframes)."""
    h, parts = zeros(x), []
    for t in range(x.shape[1]):
        for part in x[:, t].unbind(-1):
            h = torch.tanh(net.back(h) + part[:, None])
            parts.append(h)
    return torch.cat(parts, -1).reshape(x.shape[0], x.shape[1], 9)


GROUPED = [two_loops_over_the_same_frames, parts_of_a_frame]
