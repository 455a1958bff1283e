"""A module of one step that takes its states first, `(h, x_t) -> (h, y_t)`, as one that takes them last.

Its leading arguments have the shapes of its leading results, and called the other way round it is a module of one step.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from rnnedge_export.capture._one_step import step_of, takes_more
from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture._returned_states import members
from rnnedge_export.capture.kept_states import STEP
from rnnedge_export.capture.kept_values import left_as_it_was


class FramesFirst(nn.Module):
    """Made by `with_frames_first`, which gives it the module's arguments in the other order."""

    def __init__(self, module: nn.Module, states: int) -> None:
        """`states`: how many of its first arguments are states."""
        super().__init__()
        setattr(self, STEP, module)
        self._states = states

    def _turned(self, args: tuple[Any, ...]) -> Any:
        frames, states = args[: -self._states], args[-self._states :]
        result = getattr(self, STEP)(*states, *frames)
        found = members(result)
        shapes, keys = _shapes(states), list(found)
        first = next((n for n in range(1, len(keys)) if _shapes([found[key] for key in keys[:n]]) == shapes), 0)
        order = [*keys[first:], *keys[:first]]
        if isinstance(result, Mapping):
            return {key: found[key] for key in order}
        return tuple(found[key] for key in order) if first else result


def with_frames_first(module: nn.Module, example: Any, time_axis: int) -> tuple[nn.Module, Any]:
    """The module and its example, or those in the other order."""
    args = tuple(example) if isinstance(example, (tuple, list)) else ()
    kinds = [p.kind for p in inspect.signature(module.forward).parameters.values()]
    if len(args) < 2 or isinstance(args[-1], Mapping) or any(kind != kinds[0] for kind in kinds[: len(args)]):
        return module, example
    try:
        with quiet(), torch.no_grad(), left_as_it_was(module):
            if step_of(module, args, time_axis) is not None or _is_sequence(module, args, time_axis):
                return module, example
            for states in range(1, len(args)):
                made = _class_of(module, states, len(args))(module, states).train(module.training)
                given = (*args[states:], *args[:states])
                found = step_of(made, given, time_axis)
                if found is not None and found[0] == len(args) - states:
                    return made, given
    # A user's forward can raise anything for what it is not made for.
    except Exception:
        pass
    return module, example


def _is_sequence(module: nn.Module, args: tuple[Any, ...], axis: int) -> bool:
    """Whether the first argument may be twice as long: no state, though the results have its shape."""
    return isinstance(args[0], Tensor) and args[0].dim() > axis and takes_more(module, args, 1, axis)


def _shapes(values: Any) -> list[tuple[int, ...]]:
    return [tuple(leaf.shape) for leaf in pytree.tree_leaves(list(values)) if isinstance(leaf, Tensor)]


def _class_of(module: nn.Module, states: int, count: int) -> type[FramesFirst]:
    """Called like the module's class."""
    own, *parameters = inspect.signature(type(module).forward).parameters.values()
    turned = [*parameters[states:count], *parameters[:states]]
    signature = inspect.Signature([own, *(p.replace(default=p.empty) for p in turned)])

    def forward(self: FramesFirst, *args: Any, **kwargs: Any) -> Any:
        return self._turned(signature.bind(self, *args, **kwargs).args[1:])

    forward.__signature__ = signature  # type: ignore[attr-defined]
    return type(type(module).__name__, (FramesFirst,), {"forward": forward})
