"""What a value on a module holds: members of lists, tuples, deques and dicts, and what stands on objects.

An object is one whose class is not of Python, torch or numpy, such as a dataclass with a state in it, or a cache; or
one of Python's that is made to hold attributes. Attributes stand in its dict or in slots. What a module holds on its
parts is its own.
"""

from __future__ import annotations

import copy
import sys
from argparse import Namespace
from collections import UserDict, UserList, deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from types import MemberDescriptorType, SimpleNamespace
from typing import Any

from torch import Tensor, nn

_OF_OTHERS = {*sys.stdlib_module_names, "torch", "numpy"} - {"__main__"}
_HOLDERS = (SimpleNamespace, Namespace, UserDict, UserList)


def is_object(value: Any) -> bool:
    """Whether a value may hold others as attributes."""
    kind = type(value)
    if isinstance(value, (type, nn.Module, Tensor)):
        return False
    if kind.__module__.partition(".")[0] in _OF_OTHERS and kind not in _HOLDERS:
        return False
    return isinstance(getattr(value, "__dict__", None), dict) or bool(_slots(value))


class Attributes(MutableMapping[str, Any]):
    """What stands on an object, by name: in its dict and in its slots, also of a frozen dataclass."""

    def __init__(self, value: Any) -> None:
        """Changes of this change the object."""
        self._slots, self._value = _slots(value), value
        self._others: dict[str, Any] = getattr(value, "__dict__", {})

    def __getitem__(self, name: str) -> Any:
        if (slot := self._slots.get(name)) is None:
            return self._others[name]
        try:
            return slot.__get__(self._value)
        except AttributeError:
            raise KeyError(name) from None

    def __setitem__(self, name: str, value: Any) -> None:
        if (slot := self._slots.get(name)) is None:
            self._others[name] = value
        else:
            slot.__set__(self._value, value)

    def __delitem__(self, name: str) -> None:
        if (slot := self._slots.get(name)) is None:
            del self._others[name]
        else:
            slot.__delete__(self._value)

    def __iter__(self) -> Iterator[str]:
        yield from [name for name, slot in self._slots.items() if _is_set(slot, self._value)]
        yield from list(self._others)

    def __len__(self) -> int:
        return len(list(iter(self)))


def _slots(value: Any) -> dict[str, Any]:
    """The descriptors of the slots of an object, by name."""
    found: dict[str, Any] = {}
    for kind in reversed(type(value).__mro__):
        found |= {name: slot for name, slot in vars(kind).items() if isinstance(slot, MemberDescriptorType)}
    return found


def _is_set(slot: Any, value: Any) -> bool:
    try:
        slot.__get__(value)
    except AttributeError:
        return False
    return True


def mapped(value: Any, change: Callable[[Any], Any], copies: dict[int, Any] | None = None) -> Any:
    """A value with `change` of what it holds in it; all that holds something is a copy.

    `copies`: of the ones that were met before, by what they are of; what stands in two places stays one.
    """
    copies = {} if copies is None else copies
    if id(value) in copies:
        return copies[id(value)]
    if isinstance(value, tuple):
        parts = [mapped(one, change, copies) for one in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, (dict, list, deque)):
        found = copies[id(value)] = copy.copy(value)
        for place in list(value) if isinstance(value, dict) else range(len(value)):
            found[place] = mapped(value[place], change, copies)
        return found
    if is_object(value):
        found = copies[id(value)] = copy.copy(value)
        Attributes(found).update({name: mapped(one, change, copies) for name, one in Attributes(value).items()})
        return found
    return change(value)


def leaves(value: Any) -> list[Tensor]:
    """The tensors in a value, each place of one."""
    found: list[Tensor] = []
    seen: dict[int, Any] = {}

    def look(one: Any) -> None:
        if isinstance(one, Tensor):
            found.append(one)
        elif id(one) not in seen and (parts := members(one)) is not None:
            seen[id(one)] = one
            for part in parts:
                look(part)

    look(value)
    return found


def members(value: Any) -> list[Any] | None:
    """What a value holds, None if it holds nothing."""
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (list, tuple, deque)):
        return list(value)
    return list(Attributes(value).values()) if is_object(value) else None
