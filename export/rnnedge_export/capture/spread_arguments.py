"""A module with one argument that holds its sequences is called with an argument for each tensor in it.

As a data loader gives them: a batch as a dict, a named tuple, a dataclass or a list. A dict of states at the end, whose
keys are no arguments of `forward`, is the argument in whose place it stands.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rnnedge_export.capture._arguments import parameters_of
from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture.kept_states import STEP
from rnnedge_export.capture.kept_values import left_as_it_was


class Spread(nn.Module):
    """Made by `as_arguments`, which gives it a signature with the names of the tensors."""

    def __init__(self, module: nn.Module, rebuild: Callable[[tuple[Tensor, ...]], Any]) -> None:
        """`rebuild` makes the argument of its tensors."""
        super().__init__()
        setattr(self, STEP, module)
        self._rebuild = rebuild

    def _called(self, tensors: tuple[Tensor, ...]) -> Any:
        return getattr(self, STEP)(self._rebuild(tensors))


def as_arguments(module: nn.Module, example: Any, batch_axis: int, time_axis: int) -> tuple[nn.Module, Any]:
    """The module and its example, or what takes the tensors in its one argument, and those."""
    example = _named(module, example)
    whole = example[0] if type(example) in (tuple, list) and len(example) == 1 else example
    least = max(batch_axis, time_axis) + 1
    try:
        parts = _parts(whole) if _takes_it_whole(module, whole) and _nested(example, whole) else None
    # A foreign container may raise anything.
    except Exception:
        parts = None
    if parts is None:
        return module, example
    tensors = {name: part for name, part in parts.items() if isinstance(part, Tensor)}
    if not any(part.dim() >= least for part in tensors.values()) or not _runs(module, whole):
        return module, example

    def rebuild(given: tuple[Tensor, ...]) -> Any:
        return _with(whole, {**parts, **dict(zip(tensors, given, strict=True))})

    names = [name if name.isidentifier() else f"x{k or ''}" for k, name in enumerate(tensors)]
    made = _class_of(module, names)(module, rebuild).train(module.training)
    return made, tuple(tensors.values())


def _named(module: nn.Module, example: Any) -> Any:
    """The example with a dict at its end by the name of its argument, if the module takes it so."""
    args = tuple(example) if type(example) in (tuple, list) else ()
    names = [p.name for p in parameters_of(module) if p.kind is not p.KEYWORD_ONLY]
    last = args[-1] if 1 < len(args) <= len(names) else None
    if not isinstance(last, Mapping) or not last or set(last) & set(names) or not _runs(module, *args):
        return example
    return (*args[:-1], {names[len(args) - 1]: last})


def _runs(module: nn.Module, *args: Any) -> bool:
    try:
        with quiet(), torch.no_grad(), left_as_it_was(module):
            module(*args)
    # A user's forward can raise anything.
    except Exception:
        return False
    return True


def _nested(example: Any, whole: Any) -> bool:
    """A plain list or tuple holds the arguments themselves, if it is not in another one."""
    return type(whole) not in (tuple, list) or whole is not example


def _takes_it_whole(module: nn.Module, whole: Any) -> bool:
    """A dict whose keys are arguments is no argument itself."""
    parameters = inspect.signature(module.forward).parameters.values()
    if not isinstance(whole, Mapping):
        return bool(parameters)
    by_name = any(p.kind is p.VAR_KEYWORD for p in parameters) or set(whole) <= {p.name for p in parameters}
    return bool(parameters) and not by_name


def _parts(whole: Any) -> dict[str, Any] | None:
    """The members by name; None for what holds none."""
    if isinstance(whole, Mapping):
        return {str(key): value for key, value in whole.items()}
    if hasattr(whole, "_fields"):
        return dict(zip(whole._fields, whole, strict=True))
    if dataclasses.is_dataclass(whole) and not isinstance(whole, type):
        return {field.name: getattr(whole, field.name) for field in dataclasses.fields(whole)}
    if type(whole) in (tuple, list):
        return {f"x{k or ''}": value for k, value in enumerate(whole)}
    return None


def _with(whole: Any, parts: dict[str, Any]) -> Any:
    if isinstance(whole, Mapping):
        return dict(zip(whole, parts.values(), strict=True))
    if hasattr(whole, "_fields"):
        return type(whole)(*parts.values())
    if dataclasses.is_dataclass(whole):
        return dataclasses.replace(whole, **parts)  # type: ignore[type-var]
    return type(whole)(parts.values())


def _class_of(module: nn.Module, names: list[str]) -> type[Spread]:
    """Called like the module's class."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    own = [inspect.Parameter("self", kind), *(inspect.Parameter(name, kind) for name in names)]

    def forward(self: Spread, *args: Tensor, **kwargs: Tensor) -> Any:
        given = dict(zip(names, args, strict=False)) | kwargs
        return self._called(tuple(given[name] for name in names))

    forward.__signature__ = inspect.Signature(own)  # type: ignore[attr-defined]
    return type(type(module).__name__, (Spread,), {"forward": forward})
