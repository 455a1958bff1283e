"""What `package.module:factory` finds in the tests of `rnnedge explain`."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def gru() -> tuple[nn.Module, Tensor]:
    """Three features, four units."""
    torch.manual_seed(0)
    return nn.GRU(3, 4, batch_first=True), torch.zeros(1, 5, 3)


def both_ways() -> tuple[nn.Module, Tensor]:
    """A layer that reads from both ends."""
    return nn.GRU(3, 4, batch_first=True, bidirectional=True), torch.zeros(1, 5, 3)


def flat() -> tuple[nn.Module, Tensor]:
    """No recurrence."""
    return nn.Linear(3, 4), torch.zeros(1, 5, 3)


def tokens() -> tuple[nn.Module, Tensor]:
    """A small language model."""
    torch.manual_seed(0)

    class Letters(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.gru, self.head = nn.Embedding(9, 4), nn.GRU(4, 6, batch_first=True), nn.Linear(6, 9)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.gru(self.embed(x))[0])

    return Letters(), torch.arange(9)[None]
