"""Which results of a module are states: given back, they continue the sequence.

1. A state is taken by an argument of the example that is no sequence, in the shape that it had, or by an optional
   argument that the example leaves out: the first ones, one that is called like the key of a result, or the first one
   for all of them together.
2. Two halves of a sequence, the second one begun with the states of the first, give what the whole gives; and the
   second half alone does not.

So a cache has any name, rank and place of the batch. What is no state by this is a result as any other.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture.example import Example
from rnnedge_export.capture.kept_values import left_as_it_was

_CLOSE, _SEED = 1e-4, 0
# Calls the module with sequences; begun with states, or from its own beginning.
Continue = Callable[[tuple[Tensor, ...]], Any]


def with_returned_states(example: Example, module: nn.Module) -> Example:
    """The example that says which results are states."""
    try:
        with quiet(), torch.no_grad(), left_as_it_was(module):
            return replace(example, returned=_found(example, module))
    # A user's forward can raise anything for what it is not made for.
    except Exception:
        return example


def members(result: Any) -> dict[Any, Any]:
    """The results of a module by key or number; none of a single one."""
    if isinstance(result, Mapping):
        return dict(result)
    return dict(enumerate(result)) if isinstance(result, (tuple, list)) else {}


def without(result: Any, keys: Sequence[Any]) -> Any:
    """A result without its states; one that is left alone is not in a tuple."""
    if not keys:
        return result
    left = {key: value for key, value in members(result).items() if key not in keys}
    if isinstance(result, Mapping) or hasattr(result, "_fields"):
        names = getattr(result, "_fields", None)
        return left if names is None else {names[key]: value for key, value in left.items()}
    return next(iter(left.values())) if len(left) == 1 else tuple(left.values())


def _found(example: Example, module: nn.Module) -> tuple[Any, ...]:
    whole = _frames(example)
    halves = [tuple(part.contiguous() for part in each) for each in _halved(whole, example)]
    extras = tuple(extra.of_batch(example.batch) for extra in example.extras)

    def begin(frames: tuple[Tensor, ...], given: tuple[Tensor, ...] = extras, **named: Any) -> Any:
        args, kwargs = example.call((*frames, *given))
        return module(*args, **{**kwargs, **named})

    first = begin(halves[0])
    if len(members(first)) < 2:
        return ()
    expected, alone = begin(whole), begin(halves[1])
    for keys, go_on in _ways(first, extras, module, example, begin):
        try:
            second = go_on(halves[1])
        # As above: what is no state is no argument.
        except Exception:
            continue
        parts = [_kept(each, keys) for each in (expected, first, second, alone)]
        if _continues(*parts):
            return keys
    return ()


def _ways(
    first: Any, extras: tuple[Tensor, ...], module: nn.Module, example: Example, begin: Callable[..., Any]
) -> Iterator[tuple[tuple[Any, ...], Continue]]:
    """Case 1: keys of results, and a call that is given them."""
    found = members(first)
    keys = list(found)
    for count in range(1, len(keys)):
        last = pytree.tree_leaves([found[key] for key in keys[-count:]])
        if extras and [_shape(leaf) for leaf in last] == [_shape(extra) for extra in extras]:
            yield tuple(keys[-count:]), lambda frames, given=tuple(last): begin(frames, given)  # type: ignore[misc]
    names = _optional(module, example)
    fields = getattr(first, "_fields", ())
    called = {name: key for key in keys for name in names if name == (fields[key] if fields else key)}
    choices = [called, dict(zip(names, keys[1:], strict=False))] if names else []
    for choice in choices:
        if choice:
            given = {name: found[key] for name, key in choice.items()}
            yield tuple(choice.values()), lambda frames, given=given: begin(frames, **given)  # type: ignore[misc]
    if names and len(keys) > 2:
        together = tuple(found[key] for key in keys[1:])
        yield tuple(keys[1:]), lambda frames: begin(frames, **{names[0]: together})


def _optional(module: nn.Module, example: Example) -> list[str]:
    """Arguments that the example leaves out, and that are left out by None or by an empty tensor or list."""
    parameters = list(inspect.signature(module.forward).parameters.values())
    named = set(example.names or ()) | {extra.name.partition(".")[0] for extra in example.extras}
    rest = parameters[len(example.tensors) :] if example.names is None else parameters
    return [p.name for p in rest if p.name not in named and _is_empty(p.default)]


def _is_empty(default: Any) -> bool:
    if isinstance(default, Tensor):
        return not default.numel()
    return default is None or (isinstance(default, (tuple, list)) and not default)


def _frames(example: Example) -> tuple[Tensor, ...]:
    """Sequences twice as long as the example's, at least two frames to a half."""
    rng = torch.Generator().manual_seed(_SEED)
    given = example.resized(example.batch, 2 * max(example.length, 2))
    return example.drawn(given, rng)


def _halved(frames: tuple[Tensor, ...], example: Example) -> tuple[tuple[Tensor, ...], ...]:
    return tuple(zip(*(x.chunk(2, example.time_axis) for x in frames), strict=True))


def _kept(result: Any, keys: Sequence[Any]) -> list[Tensor]:
    left = [value for key, value in members(result).items() if key not in keys]
    return [leaf for leaf in pytree.tree_leaves(left) if isinstance(leaf, Tensor)]


def _continues(whole: list[Tensor], first: list[Tensor], second: list[Tensor], alone: list[Tensor]) -> bool:
    """Case 2."""
    if not len(whole) == len(first) == len(second) == len(alone):
        return False
    differs, frames = False, 0
    for a, b, c, d in zip(whole, first, second, alone, strict=True):
        axes = [axis for axis in range(a.dim()) if a.shape[axis] != b.shape[axis]]
        if len(axes) > 1 or not (a.is_floating_point() and len(axes) == 1):
            continue
        if not _near(a, torch.cat([b, c], axes[0])):
            return False
        frames, differs = frames + 1, differs or not _near(c, d)
    return frames > 0 and differs


def _near(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool((a - b).abs().max() <= _CLOSE * max(1.0, float(a.abs().max())))


def _shape(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor) else None
