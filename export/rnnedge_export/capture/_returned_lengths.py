"""Which results of a module are lengths: `return y, lengths`, as encoders do.

1. A number, or whole numbers of as many as there are sequences, the same for all of them.
2. Other values of as many frames give the same, more frames give more.

A stream knows how many frames it has given: the file leaves lengths out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture._returned_states import members
from rnnedge_export.capture.example import Example
from rnnedge_export.capture.kept_values import left_as_it_was

_MORE = (2, 3)


def with_returned_lengths(example: Example, module: nn.Module) -> Example:
    """The example that says which results are lengths."""
    try:
        with quiet(), torch.no_grad(), left_as_it_was(module):
            return replace(example, lengths=_found(example, module))
    # A user's forward can raise anything for what it is not made for.
    except Exception:
        return example


def counted(value: Any, batch: int) -> int | None:
    """Case 1: the number that a result is."""
    if isinstance(value, Tensor) and value.dtype in (torch.int64, torch.int32) and value.numel() in (1, batch):
        numbers = set(value.flatten().tolist())
        return int(numbers.pop()) if len(numbers) == 1 else None
    return value if type(value) is int else None


def _found(example: Example, module: nn.Module) -> tuple[Any, ...]:
    first = _numbers(module, example, _frames(example, example.length))
    if not first:
        return ()
    rest = [_numbers(module, example, _frames(example, more * example.length)) for more in _MORE]
    other = _numbers(module, example, _frames(example, example.length, seed=1))
    rows = {key: [first[key], *(each.get(key, 0) for each in rest)] for key in first}
    return tuple(key for key, row in rows.items() if row == sorted(set(row)) and other.get(key) == row[0])


def _frames(example: Example, length: int, seed: int = 0) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    given = example.given(example.batch, length)
    count = len(example.tensors)
    drawn = [torch.randn(x.shape, generator=generator) if x.is_floating_point() else x.flip(-1) if seed else x
             for x in given[:count]]  # fmt: skip
    return (*drawn, *given[count:])


def _numbers(module: nn.Module, example: Example, frames: tuple[Tensor, ...]) -> dict[Any, int]:
    args, kwargs = example.call(frames)
    found = {key: counted(value, example.batch) for key, value in members(module(*args, **kwargs)).items()}
    return {key: number for key, number in found.items() if number is not None}
