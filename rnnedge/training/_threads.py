"""On how many threads PyTorch computes while it trains.

A recurrence is thousands of small products one after the other, and to hand each to several threads and wait for all
costs more than the product: beside other processes four times the processor time for a GRU of 32 units.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

# Multiply-adds of a frame of a batch that a thread needs to be worth waiting for: a tenth of a millisecond.
_PRODUCTS = 1 << 21


@contextmanager
def worthwhile_threads(network: nn.Module, batch: int) -> Iterator[None]:
    """Not more threads inside than pay for a network of that size; never more than before."""
    before = torch.get_num_threads()
    products = batch * sum(weights.numel() for weights in network.parameters())
    torch.set_num_threads(max(1, min(before, products // _PRODUCTS)))
    try:
        yield
    finally:
        torch.set_num_threads(before)
