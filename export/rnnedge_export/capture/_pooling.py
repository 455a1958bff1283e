"""torch.export 2.13.0 fixes the length of what goes through max_pool1d, and keeps it symbolic in max_pool2d."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


@contextmanager
def two_dimensional_pooling() -> Iterator[None]:
    """`torch.max_pool1d`, which torch.nn calls, computes by max_pool2d over an axis of one."""
    original = torch.max_pool1d

    def max_pool1d(
        x: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
    ) -> Tensor:
        kernel, step, pad, dil = (
            value[0] if isinstance(value, (tuple, list)) and value else value
            for value in (kernel_size, stride, padding, dilation)
        )
        y = torch.max_pool2d(x.unsqueeze(-2), (1, kernel), (1, step or kernel), (0, pad), (1, dil), ceil_mode)
        return y.squeeze(-2)

    torch.max_pool1d = max_pool1d  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.max_pool1d = original
