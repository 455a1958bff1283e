"""`torch.cdist` of frames: PyTorch has two ways, for up to 25 rows and for more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

_PRODUCTS = "use_mm_for_euclid_dist"
# As many rows as PyTorch takes by their differences.
_FEW = 25


@contextmanager
def distances_of_frames() -> Iterator[None]:
    """`torch.cdist` as one formula for any length."""
    with patch.object(torch, "cdist", _distances):
        yield


def _distances(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = f"{_PRODUCTS}_if_necessary") -> Tensor:
    """Of rows (..., n, width) and (..., m, width); by products where the rows of known number are many."""
    rows: list[Any] = [x1.shape[-2], x2.shape[-2]]
    many = any(isinstance(count, int) and count > _FEW for count in rows)
    if p == 2 and (compute_mode == _PRODUCTS or (many and compute_mode == f"{_PRODUCTS}_if_necessary")):
        squares = (x1 * x1).sum(-1, keepdim=True) + (x2 * x2).sum(-1, keepdim=True).mT - 2 * (x1 @ x2.mT)
        return squares.clamp(min=0).sqrt()
    apart = (x1.unsqueeze(-2) - x2.unsqueeze(-3)).abs()
    if p == 2:
        return (apart * apart).sum(-1).sqrt()
    if p == 1:
        return apart.sum(-1)
    return apart.amax(-1) if p == float("inf") else apart.pow(p).sum(-1).pow(1 / p)
