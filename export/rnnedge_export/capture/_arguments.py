"""The arguments of a call: positional ones, and those by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from rnnedge_runtime.errors import ModelRefused


def arguments_of(example: object, module: nn.Module | None) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments; the latter in the order of `forward`."""
    args: tuple[Any, ...] = tuple(example) if isinstance(example, (tuple, list)) else (example,)
    named = args[-1] if args else None
    if not isinstance(named, Mapping) or not all(isinstance(key, str) for key in _keys(named)):
        return args, {}
    order = [p.name for p in parameters_of(module)]
    unknown = next((key for key in named if key not in order), None)
    if order and unknown is not None and not _takes_any_name(module):
        raise ModelRefused(
            f"example: {unknown!r} is no argument of {type(module).__name__}.forward({', '.join(order)}); "
            "give them by these names, or by place in a tuple"
        )
    known = [key for key in order if key in named]
    return args[:-1], {key: named[key] for key in [*known, *(key for key in named if key not in order)]}


def _keys(named: Mapping[Any, Any]) -> list[Any]:
    try:
        return list(named)
    # A foreign mapping may raise anything.
    except Exception as error:
        raise ModelRefused(f"example: cannot be read ({type(error).__name__})") from error


def parameters_of(module: nn.Module | None) -> list[inspect.Parameter]:
    if module is None:
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p for p in inspect.signature(module.forward).parameters.values() if p.kind in kinds]


def _takes_any_name(module: nn.Module | None) -> bool:
    parameters = [] if module is None else inspect.signature(module.forward).parameters.values()
    return any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in parameters)
