"""What a module keeps from call to call: its buffers, and what else stands on it and on its parts.

1. A tensor, number or None that is replaced by another one.
2. A tensor that is written in place.
3. A list, tuple, deque, dict or object whose members are one of these.

Of parameters only which there are: nobody writes in them in a forward pass, and a copy takes as much memory again. A
module whose first call makes parts, or parts of another class, as torch's lazy modules do, is left out: it is
initialized by then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from rnnedge_export.capture._autocast import without_autocast
from rnnedge_export.capture._held_values import Attributes, is_object

# What every module has, and torch keeps.
_OF_TORCH = frozenset(vars(nn.Module()))


@dataclass(eq=False)
class _Kept:
    """An object and what it held: the numbers of a tensor, the members of a container."""

    value: Any
    held: Any = None

    def is_same(self, now: Any) -> bool:
        """Whether `now` is the object, with the same in it."""
        if self.held is None:
            return now is self.value or (isinstance(now, (bool, int, float, str)) and now == self.value)
        if now is not self.value:
            return False
        if isinstance(self.value, torch.Tensor):
            return now.shape == self.held.shape and bool(torch.equal(now, self.held))
        inside = _inside(now)
        if isinstance(inside, (dict, Attributes)):
            return inside.keys() == self.held.keys() and all(self.held[name].is_same(inside[name]) for name in inside)
        return len(inside) == len(self.held) and all(map(_Kept.is_same, self.held, inside))

    def restored(self, *, objects_only: bool = False) -> Any:
        """The object, with that in it again; `objects_only`: the numbers in tensors are as they were."""
        if self.held is None or (objects_only and isinstance(self.value, torch.Tensor)):
            return self.value
        if not objects_only and self.is_same(self.value):
            return self.value
        if isinstance(self.value, torch.Tensor):
            with torch.no_grad():
                self.value.resize_(self.held.shape).copy_(self.held)
            return self.value
        inside = _inside(self.value)
        if isinstance(inside, (dict, Attributes)):
            before = {name: kept.restored(objects_only=objects_only) for name, kept in self.held.items()}
            inside.clear()
            inside.update(before)
        else:
            members = [kept.restored(objects_only=objects_only) for kept in self.held]
            if not isinstance(inside, tuple):
                inside.clear()
                inside.extend(members)
        return self.value


def _inside(value: Any) -> Any:
    """Where the members of a container or an object are."""
    return Attributes(value) if is_object(value) and not isinstance(value, (dict, list, tuple, deque)) else value


def _keep(value: Any, within: tuple[int, ...] = ()) -> _Kept:
    """`within`: what it is in; an object may lead back to one of these."""
    if isinstance(value, torch.Tensor) and not isinstance(value, nn.Parameter):
        return _Kept(value, value.detach().clone())
    inside, path = _inside(value), (*within, id(value))
    if id(value) in within:
        return _Kept(value)
    if isinstance(inside, (dict, Attributes)):
        return _Kept(value, {name: _keep(one, path) for name, one in inside.items()})
    if isinstance(inside, (list, tuple, deque)):
        return _Kept(value, [_keep(one, path) for one in inside])
    return _Kept(value)


def _places(module: nn.Module) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
    """(path, dict, names) of all that is on a module and its parts."""
    for path, part in module.named_modules():
        yield path, vars(part), [name for name in vars(part) if name not in _OF_TORCH]
        yield path, part._buffers, list(part._buffers)
        yield path, part._parameters, list(part._parameters)


class KeptValues:
    """What stands on a module now."""

    def __init__(self, module: nn.Module) -> None:
        """Parameters and classes of parts are taken as they are."""
        self._module, self._kinds = module, [type(part) for part in module.modules()]
        self._kept = [(path, at, {name: _keep(at[name]) for name in names}) for path, at, names in _places(module)]

    def changed(self) -> list[str]:
        """Paths of what is not as it was."""
        if not self._has_its_parts():
            return ["the parts that its first call makes"]
        found = []
        for (path, at, kept), (_, _, now) in zip(self._kept, _places(self._module), strict=True):
            names = {**kept, **dict.fromkeys(now)}
            found += [
                f"{path}.{name}".lstrip(".")
                for name in names
                if name not in kept or name not in at or not kept[name].is_same(at[name])
            ]
        return found

    def put_back(self, paths: Collection[str] | None = None, *, objects_only: bool = False) -> None:
        """As it was, or only what is at some `paths`.

        `objects_only`: which objects stand there; a trace writes no numbers into them.
        """
        if not self._has_its_parts():
            return
        for (path, at, kept), (_, _, now) in zip(self._kept, _places(self._module), strict=True):
            wanted = [
                name for name in {**kept, **dict.fromkeys(now)}
                if paths is None or f"{path}.{name}".lstrip(".") in paths
            ]  # fmt: skip
            for name in wanted:
                if name in kept:
                    at[name] = kept[name].restored(objects_only=objects_only)
                else:
                    del at[name]

    def _has_its_parts(self) -> bool:
        return [type(part) for part in self._module.modules()] == self._kinds


@contextmanager
def left_as_it_was(module: nn.Module) -> Iterator[None]:
    """Whatever calls of the module write on it meanwhile is put back at the end."""
    kept = KeptValues(module)
    try:
        yield
    finally:
        kept.put_back()


@contextmanager
def evaluation(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode, in float32; each part, and what stands on it, is as it was at the end."""
    modes = [(m, m.training) for m in module.modules()]
    module.eval()
    try:
        with left_as_it_was(module), without_autocast():
            yield
    finally:
        for submodule, mode in modes:
            submodule.training = mode


def changed_by(module: nn.Module, act: Callable[[], object]) -> list[str]:
    """Paths of what `act` changes on the module, which is put back."""
    kept = KeptValues(module)
    try:
        act()
        return kept.changed()
    finally:
        kept.put_back()
