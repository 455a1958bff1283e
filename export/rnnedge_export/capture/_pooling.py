"""Pooling along an axis whose length is a symbol.

1. torch.export 2.13.0 fixes the length of what goes through max_pool1d, and keeps it symbolic in max_pool2d.
2. A window as long as the sequence, `F.avg_pool1d(x, x.shape[2])`, `F.avg_pool2d(x, x.size()[2:])`, is a mean, or a
   maximum, over all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_ONE, _TWO = torch.max_pool1d, torch.max_pool2d
# How many axes they pool, and whether they take the mean.
_POOLS: dict[Any, tuple[int, bool]] = {
    torch.avg_pool1d: (1, True), torch._C._nn.avg_pool2d: (2, True), torch.nn.functional.max_pool1d: (1, False),
    torch.nn.functional.max_pool2d: (2, False), _ONE: (1, False), _TWO: (2, False),
}  # fmt: skip
_ARGUMENTS = ("input", "kernel_size", "stride", "padding")
_OTHER = ("padding", "return_indices", "divisor_override")


@contextmanager
def two_dimensional_pooling() -> Iterator[None]:
    """Cases 1 and 2: `torch.max_pool1d`, which torch.nn calls, computes by max_pool2d over an axis of one."""

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
        with _Whole():
            yield
    finally:
        torch.max_pool1d = _ONE


class _Whole(TorchFunctionMode):
    """Case 2, without padding."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = dict(zip(_ARGUMENTS, args, strict=False)) | (kwargs or {})
        if (
            func in _POOLS
            and given.keys() >= {"input", "kernel_size"}
            and not any(map(_counts, map(given.get, _OTHER)))
        ):
            rank, mean = _POOLS[func]
            x, kernel = given["input"], given["kernel_size"]
            sizes = list(kernel) if isinstance(kernel, (tuple, list)) else [kernel] * rank
            axes = [place - rank for place, k in enumerate(sizes) if _is_whole(k, x.shape[place - rank])]
            if axes and len(sizes) == rank:
                x = x.mean(axes, keepdim=True) if mean else x.amax(axes, keepdim=True)
                left = [1 if place - rank in axes else k for place, k in enumerate(sizes)]
                return func(x, left) if any(k != 1 for k in left) else x
        return func(*args, **(kwargs or {}))


def _counts(value: Any) -> bool:
    """Whether an argument that pads, or gives more than values, is there."""
    return any(value) if isinstance(value, (tuple, list)) else bool(value)


def _is_whole(kernel: Any, size: Any) -> bool:
    return isinstance(kernel, torch.SymInt) and isinstance(size, torch.SymInt) and kernel.node.expr == size.node.expr
