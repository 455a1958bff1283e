"""Which numbers a module takes as frames, such as energies, of which it takes a logarithm.

1. Any, unless it gives something that is not finite for random ones.
2. None below 0, if the example has none.
3. Those between the least and the largest of the example.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture.example import Example
from rnnedge_export.capture.example_numbers import ANY, Numbers

_SEQUENCES, _FRAMES, _SEED = 2, 16, 7


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
