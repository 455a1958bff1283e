"""A module of one step, `(x_t, h) -> (y_t, h)`, as a module for whole sequences: called frame by frame.

1. It gives back what it was given next to the frame, in the same shapes, and takes no frame of another size: so the
   example has no time axis, or one of a single frame. Several frames, several states and tuples of them are taken.
2. A cell gives its state only, which is the result then.
3. A frame may be as large as it is: a chunk of samples is one.
4. A module that keeps its state on itself takes frames only, and gives results only.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture._returned_states import members, without
from rnnedge_export.capture.kept_states import STEP, keeps_state
from rnnedge_export.capture.kept_values import left_as_it_was

_NONE = (None,)
_FRAMES = 4


class Stepped(nn.Module):
    """Whole sequences through a module of one step; made by `as_sequences`, which gives it the module's signature."""

    def __init__(self, module: nn.Module, frames: int, states: Sequence[Any], time_axis: int, *, keeps: bool) -> None:
        """The first `frames` arguments are frames, `states` are keys of results; `keeps`: a frame has a time axis."""
        super().__init__()
        setattr(self, STEP, module)
        self._count, self._states, self._axis, self._keeps = frames, tuple(states), time_axis, keeps

    def _sequence(self, args: tuple[Any, ...]) -> Any:
        module, axis = getattr(self, STEP), self._axis
        sequences, (states, spec) = args[: self._count], pytree.tree_flatten(args[self._count :])
        results = []
        for t in range(sequences[0].shape[axis]):
            frames = [x.narrow(axis, t, 1) if self._keeps else x.select(axis, t) for x in sequences]
            result = module(*frames, *pytree.tree_unflatten(states, spec))
            states = _states(result, self._states)
            results.append(_result(result, self._states))
        return pytree.tree_map(self._joined, *results)

    def _joined(self, *frames: Tensor) -> Tensor:
        return torch.cat(frames, self._axis) if self._keeps else torch.stack(frames, self._axis)


def as_sequences(
    module: nn.Module, example: object, batch_axis: int = 0, time_axis: int = 1
) -> tuple[nn.Module, object]:
    """A module and its example, or what steps the module over sequences and an example of them."""
    args = tuple(example) if isinstance(example, (tuple, list)) else (example,)
    if not args or isinstance(args[-1], Mapping) or batch_axis == time_axis:
        return module, example
    try:
        with quiet(), torch.no_grad(), left_as_it_was(module):
            found = step_of(module, args, time_axis)
    # A user's forward can raise anything for what it is not made for.
    except Exception:
        return module, example
    if found is None:
        return module, example
    frames, states, keeps = found
    sizes = {leaf.shape[time_axis] for leaf in pytree.tree_leaves(args[frames:]) if leaf.dim() > time_axis}
    length = next(count for count in range(_FRAMES, _FRAMES + len(sizes) + 1) if count not in sizes)
    sequences = [torch.cat([x if keeps else x.unsqueeze(time_axis)] * length, time_axis) for x in args[:frames]]
    was_training = module.training
    stepped = _class_of(module)(module, frames, states, time_axis, keeps=keeps).train(was_training)
    return stepped, (*sequences, *args[frames:])


def step_of(module: nn.Module, args: tuple[Any, ...], axis: int) -> tuple[int, tuple[Any, ...], bool] | None:
    """Cases 1 and 2: how many arguments are frames, which results are states, whether a frame has a time axis."""
    if keeps_state(module, args):
        plain = all(isinstance(x, Tensor) and x.dim() > 1 for x in args)
        return (len(args), _NONE, False) if plain and not takes_more(module, args, len(args), axis) else None
    result = module(*args) if len(args) > 1 else None
    for frames in range(1, len(args)):
        states = pytree.tree_leaves(args[frames:])
        if not all(isinstance(leaf, Tensor) for leaf in (*args[:frames], *states)):
            continue
        keys = _keys(result, states)
        if keys is not None and not takes_more(module, args, frames, axis):
            return frames, keys, all(x.dim() > axis and x.shape[axis] == 1 for x in args[:frames])
    return None


def _keys(result: Any, states: Sequence[Tensor]) -> tuple[Any, ...] | None:
    found = members(result)
    shapes = [tuple(state.shape) for state in states]
    for first in range(len(found)):
        keys = tuple(found)[first:]
        if [getattr(leaf, "shape", None) for leaf in pytree.tree_leaves([found[key] for key in keys])] == shapes:
            return keys
    return () if isinstance(result, Tensor) and [tuple(result.shape)] == shapes else None


def takes_more(module: nn.Module, args: tuple[Any, ...], frames: int, axis: int) -> bool:
    """Whether the module takes sequences: those of the example twice as long, alone or with all that are as long."""
    if any(x.dim() <= axis for x in args[:frames]):
        return False

    def twice(value: Any) -> Any:
        same = isinstance(value, Tensor) and value.dim() > axis and value.shape[axis] == args[0].shape[axis]
        return torch.cat([value, value], axis) if same else value

    alone = *(torch.cat([x, x], axis) for x in args[:frames]), *args[frames:]
    return _runs(module, alone) or _runs(module, pytree.tree_map(twice, args))


def _runs(module: nn.Module, args: tuple[Any, ...]) -> bool:
    try:
        module(*args)
    # A user's forward can raise anything.
    except Exception:
        return False
    return True


def _states(result: Any, keys: Sequence[Any]) -> list[Any]:
    if keys == _NONE:
        return []
    found = members(result)
    return [*pytree.tree_leaves([found[key] for key in keys])] if keys else [result]


def _result(result: Any, keys: Sequence[Any]) -> Any:
    """What a step gives but its states; of a cell its first state."""
    if not keys or keys == _NONE:
        return result
    return pytree.tree_leaves(result)[0] if len(keys) == len(members(result)) else without(result, keys)


def _class_of(module: nn.Module) -> type[Stepped]:
    """A class called like the module's, whose arguments have the same names."""
    signature = inspect.signature(type(module).forward)

    def forward(self: Stepped, *args: Any, **kwargs: Any) -> Any:
        return self._sequence(signature.bind(self, *args, **kwargs).args[1:])

    forward.__signature__ = signature  # type: ignore[attr-defined]
    return type(type(module).__name__, (Stepped,), {"forward": forward})
