"""Which results of a module are lengths: `return y, lengths`, as encoders do.

1. A number, or as many numbers as there are sequences, in a tensor or a list, the same for all of them.
2. Other values of as many frames give the same, more frames give more. Among other tokens are 0 and 1, and among other
   frames one of zeros: how many of them are no padding, or true, is no length.
3. A tensor is computed of sizes alone: how many frames are finite is no length, though they all are.

A stream knows how many frames it has given: the file leaves lengths out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from rnnedge_export.capture._of_values import OfValues
from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture._returned_states import members
from rnnedge_export.capture.example import Example
from rnnedge_export.capture.kept_values import left_as_it_was

_MORE, _OTHERS = (2, 3), (1, 2, 3)


def with_returned_lengths(example: Example, module: nn.Module) -> Example:
    """The example that says which results are lengths."""
    try:
        with quiet(), torch.no_grad(), left_as_it_was(module):
            return replace(example, lengths=_found(example, module))
    # A user's forward can raise anything for what it is not made for.
    except Exception:
        return example


def counted(value: Any, batch: int) -> float | None:
    """Case 1: the number that a result is."""
    leaves = value.flatten().tolist() if isinstance(value, Tensor) and value.numel() in (1, batch) else value
    numbers = pytree.tree_leaves(leaves)
    whole = len(numbers) in (1, batch) and all(type(one) in (int, float) for one in numbers)
    return numbers[0] if whole and len(set(numbers)) == 1 else None


def _found(example: Example, module: nn.Module) -> tuple[Any, ...]:
    first = _numbers(module, example, _frames(example, example.length))
    if not first:
        return ()
    rest = [_numbers(module, example, _frames(example, more * example.length)) for more in _MORE]
    others = [_numbers(module, example, _frames(example, example.length, seed)) for seed in _OTHERS]
    rows = {key: [first[key], *(each.get(key, 0) for each in rest)] for key in first}
    same = {key for key in first if all(each.get(key) == first[key] for each in others)}
    like = [key for key, row in rows.items() if row == sorted(set(row)) and key in same]
    of_sizes = _of_sizes(module, example) if like else set()
    return tuple(key for key in like if key in of_sizes)


def _frames(example: Example, length: int, seed: int = 0) -> tuple[Tensor, ...]:
    """Random ones; for another `seed` than 0 one is of zeros, and tokens are others of as many kinds."""
    generator = torch.Generator().manual_seed(seed)
    given = example.given(example.batch, length)
    count = len(example.tensors)

    def drawn(x: Tensor) -> Tensor:
        if x.is_floating_point():
            noise = torch.randn(x.shape, generator=generator)
            return noise.index_fill(example.time_axis, torch.tensor([seed % length]), 0.0) if seed else noise
        low, high = min(0, int(x.min())), max(1, int(x.max()))
        return torch.randint(low, high + 1, x.shape, generator=generator) if seed else x

    return (*map(drawn, given[:count]), *given[count:])


def _of_sizes(module: nn.Module, example: Example) -> set[Any]:
    """Case 3: the results that no value of a frame is in."""
    frames = _frames(example, example.length)
    args, kwargs = example.call(frames)
    with OfValues(frames[: len(example.tensors)]) as of_values:
        results = members(module(*args, **kwargs))
    return {key for key, value in results.items() if not of_values.holds(value)}


def _numbers(module: nn.Module, example: Example, frames: tuple[Tensor, ...]) -> dict[Any, float]:
    args, kwargs = example.call(frames)
    found = {key: counted(value, example.batch) for key, value in members(module(*args, **kwargs)).items()}
    return {key: number for key, number in found.items() if number is not None}
