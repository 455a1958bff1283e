"""On how many threads PyTorch computes while a network is trained or proven.

A recurrence is thousands of small products one after the other, and to hand each to several threads and wait for all
costs more than the product. On a machine that does other things too, two threads took four times the processor time
of one for the training of a GRU of 32 units, and twenty times for the proof of its file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

# Multiply-adds of a frame of a batch that a thread needs to be worth waiting for: a tenth of a millisecond.
_PRODUCTS = 1 << 21


@contextmanager
def worthwhile_threads(module: nn.Module, batch: int = 1) -> Iterator[None]:
    """Not more threads inside than pay for a module of that size; never more than before."""
    before = torch.get_num_threads()
    # The parts of a lazy module have no sizes before its first call.
    sizes = [one.numel() for one in module.parameters() if not isinstance(one, UninitializedParameter)]
    products = batch * sum(sizes)
    torch.set_num_threads(max(1, min(before, products // _PRODUCTS)))
    try:
        yield
    finally:
        torch.set_num_threads(before)
