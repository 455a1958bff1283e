"""Weights for a network that nobody trained: the same ones in every process."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def seeded(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> tuple[nn.Module, Tensor]:
    """The network in evaluation mode, and a random example of `shape`, float32.

    Batch normalization gets statistics that differ from channel to channel, as after a training.
    """
    torch.manual_seed(7)
    module = make().eval()
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None and layer.running_var is not None:
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
    return module, torch.randn(shape)
