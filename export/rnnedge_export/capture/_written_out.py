"""Operators of PyTorch that torch.onnx does not know, written with others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_ATEN: Any = torch.ops.aten


def _rrelu(
    x: Tensor, noise: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, generator: Any = None
) -> tuple[Tensor, Tensor]:
    """Outside of training its slope is the mean of both."""
    if training:
        raise NotImplementedError("rrelu draws its slope at random while it trains; call model.eval()")
    return torch.where(x >= 0, x, x * ((lower + upper) / 2)), noise


def _adaptive_max(x: Tensor, sizes: list[int]) -> tuple[Tensor, Tensor]:
    """The largest of every window; the places of these are zeros, and not to be read."""
    for axis, size in zip((-2, -1), sizes, strict=True):
        length = x.shape[axis]
        ends = [(k * length // size, -(-(k + 1) * length // size)) for k in range(size)]
        parts = [x.narrow(axis, low, high - low).amax(axis, keepdim=True) for low, high in ends]
        x = torch.cat(parts, axis)
    return x, torch.zeros_like(x, dtype=torch.int64)


WRITTEN_OUT: dict[Any, Callable[..., Any]] = {
    _ATEN.rrelu_with_noise_functional.default: _rrelu,
    _ATEN.adaptive_max_pool2d.default: _adaptive_max,
}
