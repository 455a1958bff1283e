"""A module that keeps a state from call to call, as `self.hidden`: its sequences start from what it holds now.

1. What a call changes on the module is put back after every call: so each call is a whole sequence, and what one call
   would hand on to the next is what the stream carries.
2. A state of as many sequences as the example has, such as (layers, 1, features), is repeated for the batch of a call,
   where the module does not take it as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

import torch
from torch import Tensor, nn
from torch._guards import detect_fake_mode
from torch.utils import _pytree as pytree

from rnnedge_export.capture._held_values import leaves, mapped
from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture._used_states import refuse_other_batch, used
from rnnedge_export.capture.kept_values import KeptValues, changed_by, left_as_it_was

STEP = "_step"
"""Where a module of one step is in the one that steps it."""
_MOST_TRIALS = 16
Arguments = tuple[Sequence[Any], Mapping[str, Any]]


@dataclass(frozen=True)
class KeptStates:
    """Paths on a module: of what its calls keep, and of what they would start from that is not 0."""

    paths: Sequence[str] = ()
    used: Sequence[str] = ()


@contextmanager
def restarted(module: nn.Module, given: Arguments, batch_axis: int) -> Iterator[KeptStates]:
    """What calls of the module keep; meanwhile every call starts from what it holds now.

    `given`: arguments of a call.
    """
    paths = _kept_by(module, given)
    if not paths:
        yield KeptStates()
        return
    start = _Start(module, paths, batch_axis)
    hooks = [
        module.register_forward_pre_hook(start.begin, with_kwargs=True, prepend=True),
        module.register_forward_hook(start.end, always_call=True),
    ]
    try:
        with quiet(), torch.no_grad():
            start.settle(given)
            left = start.used(given)
        yield KeptStates(*([path.removeprefix(f"{STEP}.") for path in found] for found in (start.held, left)))
    finally:
        for hook in hooks:
            hook.remove()


def keeps_state(module: nn.Module, args: Sequence[Any]) -> bool:
    """Whether another call gives something else, for what the one before has left on the module."""
    kept = KeptValues(module)
    with left_as_it_was(module):
        first = leaves(module(*args))
        if not kept.changed():
            return False
        second = leaves(module(*args))
    return not all(a.shape == b.shape and torch.allclose(a, b) for a, b in zip(first, second, strict=True))


def _kept_by(module: nn.Module, given: Arguments) -> tuple[str, ...]:
    args, kwargs = given
    try:
        with quiet(), torch.no_grad():
            changed = changed_by(module, lambda: module(*args, **kwargs))
    # A user's forward can raise anything, and whoever calls it next says so.
    except Exception:
        with quiet(), torch.no_grad(), left_as_it_was(module):
            refuse_other_batch(module, lambda: module(*args, **kwargs))
        return ()
    owners = dict(module.named_modules())
    return tuple(changed) if all(path.rpartition(".")[0] in owners for path in changed) else ()


class _Start:
    """What a module holds in front of a call."""

    def __init__(self, module: nn.Module, paths: tuple[str, ...], batch_axis: int) -> None:
        self._module, self._paths, self._batch_axis = module, paths, batch_axis
        self._kept = KeptValues(module)
        self._values = {path: value for path in paths if (value := _value(module, path)) is not _ABSENT}
        self._axes: dict[int, int] = {}
        # In place of what is held, for a trial.
        self._others: Mapping[str, Any] = {}

    @property
    def held(self) -> list[str]:
        """Paths of what is there before a call; what torch keeps for itself is no state."""
        return [path for path in self._paths if path in self._values and not path.rpartition(".")[2].startswith("_")]

    def settle(self, given: Arguments) -> None:
        """Case 2: by which axes the states are repeated."""
        (args, kwargs), sequences = given, _batch_of(given, self._batch_axis)

        def twice(value: Any) -> Any:
            axis = self._batch_axis
            fits = isinstance(value, Tensor) and value.dim() > axis and value.shape[axis] == sequences
            return torch.cat([value, value], axis) if fits else value

        args, kwargs = pytree.tree_map(twice, (tuple(args), dict(kwargs)))
        tensors = [leaf for leaf in leaves(list(self._values.values())) if sequences in leaf.shape]
        kinds = {tuple(leaf.shape): _axes_of(leaf, sequences) for leaf in tensors}
        for axes in islice(product(*([None, *each] for each in kinds.values())), _MOST_TRIALS):
            chosen = dict(zip(kinds, axes, strict=True))
            self._axes = {id(t): axis for t in tensors if (axis := chosen[tuple(t.shape)]) is not None}
            if _runs(lambda: self._module(*args, **kwargs)):
                return
        self._axes = {}

    def used(self, given: Arguments) -> list[str]:
        """What an earlier call has left, and a sequence would start from."""
        args, kwargs = given

        def results(others: Mapping[str, Any]) -> list[Tensor]:
            self._others = others
            try:
                return leaves(self._module(*args, **kwargs))
            finally:
                self._others = {}

        return used(self._values, results) if _runs(lambda: results({})) else []

    def begin(self, called: nn.Module, args: Any, kwargs: Any) -> None:
        """In front of a call of the module, or of a copy of it."""
        if (paths := self._placed(called, args, kwargs)) is None:
            return
        batch = _batch_of((args, kwargs), self._batch_axis)
        wide = any(leaf.dtype == torch.float64 for leaf in leaves((args, kwargs)))

        def fresh(tensor: Any) -> Any:
            if not isinstance(tensor, Tensor):
                return tensor
            axis = self._axes.get(id(tensor))
            repeats = [1] * tensor.dim()
            if axis is not None:
                repeats[axis] = batch
            found = tensor.narrow(axis, 0, 1).repeat(repeats) if axis is not None else tensor.clone()
            return found.double() if wide and found.is_floating_point() else found

        for path, value in self._others.items():
            _place(called, path, value)
        copies: dict[int, Any] = {}
        for path in (path for path in paths if path not in self._others):
            _place(called, path, mapped(self._values[path], fresh, copies) if path in self._values else _ABSENT)

    def _placed(self, called: nn.Module, args: Any, kwargs: Any) -> Sequence[str] | None:
        """What is to be placed on it; None where all is there.

        In a trace what stands on a module is a constant, unless it is a buffer, and nothing can be written in it.
        """
        if called is not self._module or self._axes or self._others:
            return self._paths
        if detect_fake_mode(leaves((args, kwargs))) is None:
            return None
        return [path for path, value in self._values.items() if leaves(value) and not _is_buffer(called, path)]

    def end(self, called: nn.Module, args: Any, result: Any) -> None:
        """After a call."""
        if called is self._module:
            self._kept.put_back(self._paths, objects_only=detect_fake_mode(leaves(args)) is not None)


_ABSENT = object()


def _batch_of(given: Any, axis: int) -> Any:
    return next((leaf.shape[axis] for leaf in leaves(given) if leaf.dim() > axis), 1)


def _axes_of(tensor: Tensor, sequences: int) -> list[int]:
    """Axes that may be the batch, the likelier one first: torch's recurrences have (layers, batch, features)."""
    found = [axis for axis, size in enumerate(tensor.shape) if size == sequences]
    return sorted(found, key=lambda axis: axis != 1) if tensor.dim() == 3 else found


def _runs(call: Callable[[], object]) -> bool:
    try:
        call()
    # A user's forward can raise anything.
    except Exception:
        return False
    return True


def _is_buffer(module: nn.Module, path: str) -> bool:
    owner, _, name = path.rpartition(".")
    return name in module.get_submodule(owner)._buffers


def _value(module: nn.Module, path: str) -> Any:
    owner, _, name = path.rpartition(".")
    part = module.get_submodule(owner)
    return part._buffers[name] if name in part._buffers else vars(part).get(name, _ABSENT)


def _place(module: nn.Module, path: str, value: Any) -> None:
    owner, _, name = path.rpartition(".")
    part = module.get_submodule(owner)
    at = part._buffers if name in part._buffers else vars(part)
    if value is _ABSENT:
        at.pop(name, None)
    else:
        at[name] = value
