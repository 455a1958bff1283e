"""Results that a file leaves out are lengths, or states: given back, these continue the sequence, which else ends.

The capture found that by trying, and says which they are; here they are tried again, on other frames and at another
place, by the arguments that take them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from rnnedge_export.capture import Example
from rnnedge_export.verification.report import Check

_PARTS, _SEED, _CLOSE = 3, 80, 1e-3


def check_left_out(module: nn.Module, example: Example) -> Check:
    """Of the results in `example.returned`."""
    rng = torch.Generator().manual_seed(_SEED)
    unit, axis = max(example.length, 2), example.time_axis
    given = example.resized(example.batch, _PARTS * unit)
    whole = list(example.drawn(given, rng))
    halves = [torch.split(x, [(_PARTS - 1) * unit, unit], axis) for x in whole]
    first, second = ([part.contiguous() for part in each] for each in zip(*halves, strict=True))
    extras = [extra.of_batch(example.batch) for extra in example.extras]
    with torch.no_grad():
        begun = _called(module, example, first, extras)
        expected = _kept(_called(module, example, whole, extras), example)
        parts, alone = _kept(begun, example), _kept(_called(module, example, second, extras), example)
        tried = [_tried(module, example, second, way) for way in _ways(module, example, begun, extras)]
    goes_on = any(found is not None and _is_whole(expected, parts, found) for found in tried)
    needed = not _is_whole(expected, parts, alone)
    named = ", ".join(map(repr, example.returned))
    wrong = "" if goes_on and needed else f"result {named} continues nothing"
    return Check("states left out", f"result {named}, given back", float("inf") if wrong else 0.0, 0.0, place=wrong)


def check_lengths(module: nn.Module, example: Example) -> Check:
    """Of the results in `example.lengths`: whatever the frames, as many have the same number, and more have more."""
    rng, wrong, counts = torch.Generator().manual_seed(_SEED), "", []
    extras = [extra.of_batch(example.batch) for extra in example.extras]
    for length in (2 * example.length, 2 * example.length, 2 * example.length, 4 * example.length):
        frames = [_other(x, rng, example.time_axis) for x in example.resized(example.batch, length)]
        with torch.no_grad():
            found = _members(_called(module, example, frames, extras))
        counts.append([sorted(set(torch.as_tensor(found[key]).flatten().tolist())) for key in example.lengths])
    for key, first, *same, more in zip(example.lengths, *counts, strict=True):
        if len(first) != 1 or any(each != first for each in same) or len(more) != 1 or not more > first:
            wrong = f"result {key!r} is no length"
    named = ", ".join(map(repr, example.lengths))
    return Check("lengths left out", f"result {named}", float("inf") if wrong else 0.0, 0.0, place=wrong)


def _other(x: Tensor, rng: torch.Generator, time_axis: int) -> Tensor:
    """Other frames, one of them of zeros; of tokens some are 0 and 1, which padding and truth values are."""
    if x.is_floating_point():
        silent = torch.randint(0, x.shape[time_axis], (1,), generator=rng)
        return torch.randn(x.shape, generator=rng).index_fill(time_axis, silent, 0.0)
    kind = torch.randint(0, 3, x.shape, generator=rng)
    return torch.where(kind < 2, kind, x)


def _called(module: nn.Module, example: Example, frames: list[Tensor], extras: list[Tensor], **named: Any) -> Any:
    args, kwargs = example.call((*frames, *extras))
    return module(*args, **{**kwargs, **named})


def _tried(module: nn.Module, example: Example, frames: list[Tensor], way: Any) -> list[Tensor] | None:
    extras, named = way
    try:
        return _kept(_called(module, example, frames, extras, **named), example)
    # A user's forward can raise anything for what it is not made for.
    except Exception:
        return None


def _ways(module: nn.Module, example: Example, result: Any, extras: list[Tensor]) -> Iterator[tuple[list[Any], Any]]:
    """In the place of what was given; by optional arguments called alike, in order, or all in one."""
    found = _members(result)
    states = {key: found[key] for key in example.returned}
    leaves = pytree.tree_leaves(list(states.values()))
    if [leaf.shape for leaf in leaves] == [extra.shape for extra in extras]:
        yield leaves, {}
    given = {*(example.names or ()), *(extra.name.partition(".")[0] for extra in example.extras)}
    free = [p.name for p in inspect.signature(module.forward).parameters.values()
            if p.default is not p.empty and p.name not in given]  # fmt: skip
    fields = getattr(result, "_fields", ())
    names = {fields[key] if fields else key: state for key, state in states.items()}
    yield extras, {name: state for name, state in names.items() if name in free}
    for start in range(len(free)):
        yield extras, dict(zip(free[start:], states.values(), strict=False))
        yield extras, {free[start]: tuple(states.values())}


def _members(result: Any) -> dict[Any, Any]:
    return dict(result) if isinstance(result, dict) else dict(enumerate(result))


def _kept(result: Any, example: Example) -> list[Tensor]:
    left = [value for key, value in _members(result).items() if key not in example.returned]
    return [leaf for leaf in pytree.tree_leaves(left) if isinstance(leaf, Tensor) and leaf.is_floating_point()]


def _is_whole(whole: list[Tensor], first: list[Tensor], second: list[Tensor]) -> bool:
    """Whether the outputs that grow with the sequence are those of its two parts."""
    if not len(whole) == len(first) == len(second):
        return False
    grown = 0
    for all_of_it, a, b in zip(whole, first, second, strict=True):
        axes = [k for k, (one, other) in enumerate(zip(all_of_it.shape, a.shape, strict=True)) if one != other]
        if len(axes) != 1:
            continue
        joined = torch.cat([a, b], axes[0])
        if joined.shape != all_of_it.shape:
            return False
        if float((joined - all_of_it).abs().max()) > _CLOSE * max(1.0, float(all_of_it.abs().max())):
            return False
        grown += 1
    return grown > 0
