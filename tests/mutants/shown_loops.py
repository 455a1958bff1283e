"""Loops over time, and what runs along them."""

from __future__ import annotations

import torch
from shown_by import given, noise
from torch import Tensor, nn


class Cells(nn.Module):
    """A Python loop over cells of torch.nn, one without a bias, whose last state is an output too."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.gru = nn.LSTMCell(5, 6), nn.GRUCell(6, 6, bias=False)
        self.norm, self.start = nn.LayerNorm(6), nn.Parameter(noise(6))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h, c = x.new_zeros(x.shape[0], 6), self.start.expand(x.shape[0], 6)
        g, found = torch.ones_like(h), []
        for t in range(x.shape[1]):
            h, c = self.lstm(x[:, t], (h, c))
            g = self.gru(self.norm(h).softmax(-1), g)
            found.append(torch.cat([g, h.mean(1, keepdim=True)], 1))
        return torch.stack(found, 1), c


class ByHand(nn.Module):
    """A recurrence by hand whose first frame is another one."""

    def __init__(self) -> None:
        super().__init__()
        self.r, self.w = nn.Linear(4, 4), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.sigmoid(self.w(x[:, 0]))
        found = [h]
        for t in range(1, x.shape[1]):
            h = torch.tanh(self.w(x[:, t]) + self.r(h)) + 0.3 * h
            found.append(h)
        return torch.stack(found, 1)


class Stacked(nn.Module):
    """Two loops, one after the other; the second reads every frame of the first, with one in front."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(noise(5, 5) * 0.4), nn.Parameter(noise(5, 5) * 0.4)

    def forward(self, x: Tensor) -> Tensor:
        h, rows = torch.full((x.shape[0], 5), 0.5), []
        for t in range(x.shape[1]):
            rows.append(h)
            h = torch.tanh(x[:, t] + h @ self.a)
        y = torch.stack(rows, 1)
        s, out = torch.zeros(x.shape[0], 5), []
        for frame in y.unbind(1):
            s = 0.5 * s + frame @ self.b
            out.append(s)
        return torch.stack(out, 1)


class Constants(nn.Module):
    """A loop that reads two constants of the same shape."""

    def forward(self, x: Tensor) -> Tensor:
        a, b, h, found = (
            torch.tensor([0.3, -0.2, 0.5, 0.1, 0.7]),
            torch.tensor([1.0, 2.0, -1.0, 0.5, 0.2]),
            torch.zeros(x.shape[0], 5),
            [],
        )
        for t in range(x.shape[1]):
            h = torch.tanh(a * h + b * x[:, t])
            found.append(h)
        return torch.stack(found, 1)


class Running(nn.Module):
    """Everything that runs: products, extremes and where they were, sums, sums of exponentials, numbers of frames."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        number = torch.arange(x.shape[1])
        return {
            "product": torch.tanh(x).add(1).cumprod(1),
            "largest": x.round().cummax(1)[0],
            "sums": torch.logcumsumexp(x, 1),
            "total": x.cumsum(1),
            "parity": (number % 7).float()[None, :, None] * torch.ones_like(x),
        }


class Logs(nn.Module):
    """Sums of exponentials of logarithms, of nothing too."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.logcumsumexp(torch.log(x.abs()), 1)


NETWORKS = {
    "cells in a loop": given(Cells),
    "loop by hand": given(ByHand),
    "two loops": given(Stacked),
    "constants in a loop": given(Constants),
    "running": given(Running),
    "logs of nothing": given(Logs),
}
