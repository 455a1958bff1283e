"""`F.unfold` with a kernel as long as the sequence, which unfolds the other axis and leaves time as it is.

Sub-band networks write `F.unfold(x, (neighbours, x.shape[-1]))`: blocks of all frames, one for each band. torch takes
the kernel as a number, which would fix the length of the sequence.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode


def _pair(given: Any) -> tuple[Any, Any]:
    return (given[0], given[1]) if isinstance(given, tuple | list) else (given, given)


def _unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """(batch, channels, height, width) -> (batch, channels * kernel, blocks), as torch.nn.functional.unfold."""
    kernel, skips, pads, steps = map(_pair, (kernel_size, dilation, padding, stride))
    whole = next((i for i in (0, 1) if isinstance(kernel[i], torch.SymInt)), None)
    if input.dim() != 4 or whole is None or pads[whole] or skips[whole] != 1:
        return functional.unfold(input, kernel_size, dilation, padding, stride)
    torch._check(input.shape[2 + whole] == kernel[whole])  # type: ignore[no-untyped-call]
    axis = 1 - whole
    around = (0, 0, pads[0], pads[0]) if axis == 0 else (pads[1], pads[1])
    blocks = functional.pad(input, around).unfold(2 + axis, (kernel[axis] - 1) * skips[axis] + 1, steps[axis])
    blocks = blocks[..., :: skips[axis]]
    order = (0, 1, 4, 3, 2) if axis == 0 else (0, 1, 2, 4, 3)
    return blocks.permute(order).flatten(1, 3)


class _Unfold(TorchFunctionMode):
    # dynamo traces this inside scan, and finds no guard for a static method.
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return (_unfold if func is functional.unfold else func)(*args, **(kwargs or {}))


@contextmanager
def blocks_of_all_frames() -> Iterator[None]:
    """While a module is captured, such an unfold leaves time as it is."""
    with _Unfold():
        yield
