"""What `package.module:factory` finds in the tests of the command line."""

from __future__ import annotations

import torch
from torch import nn


def gru() -> nn.Module:
    """A network without an example."""
    torch.manual_seed(0)
    return nn.GRU(3, 4, batch_first=True)


def tagger() -> tuple[nn.Module, torch.Tensor]:
    """A network with its example."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), torch.zeros(1, 5, 3)


def backwards() -> nn.Module:
    """A network that cannot stream."""
    return nn.GRU(3, 4, batch_first=True, bidirectional=True)


def wider() -> nn.Module:
    """A network with other outputs than `gru`."""
    return nn.GRU(3, 6, batch_first=True)


def fails() -> nn.Module:
    """A factory with a mistake in it."""
    raise ZeroDivisionError("of mine")


number = 3
