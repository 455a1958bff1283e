"""Lengths that a module for training takes, `forward(x, lengths)`: a stream has no padding, so they are its own length.

1. An argument that is called like a length, and holds for each sequence how many frames it has: the longest has all of
   the example. Integers, or one number for all.
2. Or which part of the longest it has, in floats: 1.0 for the longest.
3. Or one that the example leaves out, though the module does not: integers.

The module is called with the length of the frames for every sequence. An argument named in `context` stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rnnedge_export.capture._arguments import arguments_of, parameters_of

_CALLED = ("len", "num_frames", "n_frames")
_COUNTS = ("cache", "state", "past", "prev", "max")


@dataclass(frozen=True)
class FullLength:
    """The length of all frames, in the place of an argument. `axes`: 1 for one of each sequence, 0 for one number.

    `dtype` None: a number of Python.
    """

    axes: int
    dtype: torch.dtype | None

    def of(self, batch: Any, time: Any) -> Any:
        """For that many sequences and frames."""
        if self.dtype is None:
            return time
        whole = 1.0 if self.dtype.is_floating_point else time
        return torch.full((batch,) if self.axes else (), whole, dtype=self.dtype)


def full_length(name: str, value: Any, batch: int, time: int) -> FullLength | None:
    """Cases 1 and 2, for `batch` sequences of `time` frames; None for anything else."""
    if not _is_called_so(name) or not (isinstance(value, Tensor) or type(value) is int):
        return None
    numbers = torch.as_tensor(value)
    if numbers.dtype == torch.bool or numbers.is_complex() or numbers.dim() > 1 or numbers.numel() not in (1, batch):
        return None
    if not numbers.numel() or numbers.min() <= 0 or numbers.max() != (1.0 if numbers.is_floating_point() else time):
        return None
    return FullLength(numbers.dim(), numbers.dtype if isinstance(value, Tensor) else None)


def with_lengths(example: Any, module: nn.Module, batch_axis: int, time_axis: int) -> Any:
    """Case 3: the example with lengths, by name; itself where the module asks for anything else too."""
    try:
        args, kwargs = arguments_of(example, module)
    # A foreign container may raise anything, and whoever reads it says so.
    except Exception:
        return example
    given = {p.name for p in parameters_of(module)[: len(args)]} | set(kwargs)
    missing = [p.name for p in parameters_of(module) if p.default is p.empty and p.name not in given]
    first = next(iter((*args, *kwargs.values())), None)
    if not missing or not all(map(_is_called_so, missing)) or not isinstance(first, Tensor):
        return example
    if first.dim() <= max(batch_axis, time_axis):
        return example
    full = torch.full((first.shape[batch_axis],), first.shape[time_axis])
    named: Mapping[str, Any] = kwargs | dict.fromkeys(missing, full)
    return (*args, named)


def _is_called_so(name: str) -> bool:
    lower = name.lower()
    return any(word in lower for word in _CALLED) and not any(word in lower for word in _COUNTS)
