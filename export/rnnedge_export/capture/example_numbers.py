"""Which numbers a module takes as frames, such as energies, of which it takes a logarithm.

1. Any, unless it gives something that is not finite for random ones.
2. None below 0, if the example has none.
3. Those between the least and the largest of the example.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from rnnedge_export.capture._quiet import quiet
from rnnedge_runtime.contract import Array

if TYPE_CHECKING:
    from rnnedge_export.capture.example import Example

_SEQUENCES, _FRAMES, _SEED = 2, 16, 7


@dataclass(frozen=True)
class Numbers:
    """Those from `low` to `high`."""

    low: float = -math.inf
    high: float = math.inf

    def of(self, frames: Array) -> Array:
        """Frames of any numbers as such of these."""
        if self.high < math.inf:
            width = self.high - self.low
            return (self.low + width * (0.5 + 0.5 * np.tanh(frames))).astype(frames.dtype)
        return frames if self.low < 0 else np.abs(frames)

    def __str__(self) -> str:
        """As a proof names random frames."""
        if self.high < math.inf:
            return f"numbers from {self.low:g} to {self.high:g}"
        return "N(0, 1)" if self.low < 0 else "|N(0, 1)|"


ANY = Numbers()


def with_numbers(example: Example, called: Callable[..., Any]) -> Example:
    """The example that says which numbers its sequences are drawn from; `called`: a network, with its arguments."""
    floats = [x if x.is_floating_point() else None for x in example.tensors]
    within = [
        (float(x.min()), float(x.max())) if x is not None and x.numel() and bool(x.isfinite().all()) else None
        for x in floats
    ]
    positive = tuple(Numbers(0.0) if ends is not None and ends[0] >= 0 else ANY for ends in within)
    ranged = tuple(Numbers(*ends) if ends is not None and ends[0] < ends[1] else ANY for ends in within)
    for numbers in ((ANY,) * len(floats), positive, ranged):
        tried = replace(example, numbers=numbers)
        finite = _is_finite(tried, called)
        if finite is None:
            return example
        if finite:
            return tried
    return example


def _is_finite(example: Example, called: Callable[..., Any]) -> bool | None:
    """Whether all is that the network gives for random frames; None if it fails."""
    given = example.given(max(_SEQUENCES, example.batch), max(_FRAMES, example.length))
    drawn = example.drawn(given, torch.Generator().manual_seed(_SEED))
    try:
        with quiet(), torch.no_grad():
            args, kwargs = example.call(drawn)
            found = pytree.tree_leaves(called(*args, **kwargs))
    # A user's forward can raise anything.
    except Exception:
        return None
    return all(bool(leaf.isfinite().all()) for leaf in found if isinstance(leaf, Tensor))
