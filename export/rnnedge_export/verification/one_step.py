"""A module of one step is stepped by hand, as its user would: the proof of what steps it over sequences.

That is the source of such a file, so a defect of it would be in the file, too. Here the results that come back are told
from the others by their place and shapes alone: the last ones, which are those of the states.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from rnnedge_export.capture import left_as_it_was
from rnnedge_export.verification.report import Check
from rnnedge_export.verification.tolerance import SHARE, distance

_FRAMES, _SEED = 5, 70


def check_steps(module: nn.Module, own: Any, stepped: nn.Module, given: Any, axis: int) -> Check:
    """`own` and `given`: the examples of the two; what is the same in both is a state. `axis`: that of time."""
    own, given = (tuple(each) if isinstance(each, (tuple, list)) else (each,) for each in (own, given))
    count = sum(one is not other for one, other in zip(own, given, strict=True))
    keeps = own[0].dim() == given[0].dim()
    rng = torch.Generator().manual_seed(_SEED)
    sequences = [_frames(x, axis, rng) for x in given[:count]]
    with torch.no_grad(), left_as_it_was(module):
        whole = pytree.tree_leaves(stepped(*sequences, *given[count:]))
        rows, states = [], list(given[count:])
        for t in range(_FRAMES):
            frames = [x.narrow(axis, t, 1) if keeps else x.select(axis, t) for x in sequences]
            row, states = _step(module, frames, states)
            rows.append(row)
    join = torch.cat if keeps else torch.stack
    parts = [join(list(column), axis) for column in zip(*rows, strict=True)]
    same = [part.shape for part in parts] == [part.shape for part in whole]
    apart = max(map(_apart, parts, whole)) if same else float("inf")
    return Check("one step", f"{_FRAMES} frames, with the states that each gives back", apart, SHARE)


def _step(module: nn.Module, frames: list[Tensor], states: list[Any]) -> tuple[list[Tensor], list[Any]]:
    """What a step gives besides its states, or the first of these; and the states, as they are given."""
    before, spec = pytree.tree_flatten(states)
    found = pytree.tree_leaves(module(*frames, *states))
    after = found[len(found) - len(before) :]
    if [one.shape for one in after] != [one.shape for one in before]:
        return [*frames, *before], states
    return found[: len(found) - len(before)] or found[:1], pytree.tree_unflatten(after, spec)


def _frames(x: Tensor, axis: int, rng: torch.Generator) -> Tensor:
    if not x.is_floating_point():
        return torch.cat([x.narrow(axis, 0, 1)] * _FRAMES, axis)
    return torch.randn([_FRAMES if k == axis else size for k, size in enumerate(x.shape)], generator=rng, dtype=x.dtype)


def _apart(one: Tensor, other: Tensor) -> float:
    """Of numbers and truth values; what is not finite counts as 0."""
    a, b = one.numpy(), other.numpy()
    return float(distance(a, b).max(initial=0.0)) / max(1.0, float(distance(a, np.zeros_like(a)).max(initial=0.0)))
