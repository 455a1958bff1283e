"""Arguments of functions that are called once in a while, checked by what their own annotations say.

    int, float, bool, str      as `integer`, `number`, `flag` and `text` of `rnnedge_runtime.arguments`
    str | PathLike, Path       as `file_path`
    Callable                   something that can be called
    Sequence[str], Mapping     as `texts` and `mapping`
    an array                   as `array_of`
    a class                    an object of it
    X | None, X | Y            None, one of them

Any other annotation is left to the function. The check takes microseconds: no function of the hot path has it.
"""

from __future__ import annotations

import collections.abc as abc
import inspect
import os
import types
from collections.abc import Callable
from dataclasses import fields
from functools import cache, wraps
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union, cast, get_args, get_origin

import numpy as np

from rnnedge_runtime.arguments import (
    choice,
    file_path,
    flag,
    function,
    integer,
    items,
    mapping,
    number,
    shown,
    text,
    texts,
)
from rnnedge_runtime.arrays import array_of
from rnnedge_runtime.errors import InputError

P = ParamSpec("P")
T = TypeVar("T")
_UNIONS = (Union, types.UnionType)
_SEQUENCES = (abc.Sequence, abc.Iterable, abc.Collection, list, tuple)


def checked(call: Callable[P, T]) -> Callable[P, T]:
    """A function that raises `InputError` for an argument of another kind than its annotation says.

    A wrong number or name of arguments is Python's own `TypeError`.
    """
    signature = inspect.signature(call)

    @cache
    def kinds() -> dict[str, Any]:
        named = inspect.unwrap(call).__globals__
        return {name: _resolved(p.annotation, named) for name, p in signature.parameters.items()}

    @wraps(call)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        bound = signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            if signature.parameters[name].kind not in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL):
                bound.arguments[name] = fitting(value, kinds()[name], f"{call.__name__}: {name}")
        return call(*bound.args, **bound.kwargs)

    return cast(Callable[P, T], guarded)


def check_fields(record: Any) -> None:
    """The fields of a frozen dataclass, from its `__post_init__`; lists become the tuples that they stand for."""
    named = vars(inspect.getmodule(type(record)))
    for field in fields(record):
        value = fitting(getattr(record, field.name), _resolved(field.type, named), field.name)
        object.__setattr__(record, field.name, value)


def fitting(value: Any, kind: Any, place: str) -> Any:
    """`value` as one of `kind`; raises `InputError` where it is none."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return fitting(value, inner[0], place)
    if origin in _UNIONS:
        return _one_of(value, inner, place)
    if origin is Literal:
        return choice(value, place, inner)
    if origin is abc.Callable or kind is abc.Callable:
        found = function(value, place)
        if found is None:
            raise InputError(f"{place}: expected a function, found None")
        return found
    if origin in (abc.Mapping, dict):
        return mapping(value, place)
    if origin in _SEQUENCES and inner and inner[0] is str:
        found = texts(value, place)
        return list(found) if origin is list else found
    if origin in _SEQUENCES and inner and (origin is not tuple or inner[-1] is ...):
        found = [fitting(one, inner[0], f"{place}[{index}]") for index, one in enumerate(items(value, place, "values"))]
        return found if origin is list else tuple(found)
    if origin is tuple and inner:
        listed = items(value, place, "values")
        if len(listed) != len(inner):
            raise InputError(f"{place}: expected {len(inner)} values, found {len(listed)}")
        return tuple(fitting(one, of, f"{place}[{k}]") for k, (one, of) in enumerate(zip(listed, inner, strict=True)))
    if (origin or kind) is np.ndarray:
        return array_of(value, place)
    simple: dict[Any, Callable[[], Any]] = {
        int: lambda: integer(value, place, None),
        float: lambda: number(value, place),
        bool: lambda: flag(value, place),
        str: lambda: text(value, place),
        Path: lambda: Path(file_path(value, place)),
    }
    if kind in simple:
        return simple[kind]()
    if (origin or kind) is os.PathLike:
        return value if isinstance(value, os.PathLike) and file_path(value, place) else _refused(value, kind, place)
    of = origin or kind
    # A protocol says what an object does, not what it is.
    if isinstance(of, type) and of not in (object, Any, *_SEQUENCES) and not getattr(of, "_is_protocol", False):
        return value if isinstance(value, origin or kind) else _refused(value, kind, place)
    return value


def _one_of(value: Any, kinds: tuple[Any, ...], place: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    others = [kind for kind in kinds if kind is not type(None)]
    if str in others and any((get_origin(kind) or kind) is os.PathLike for kind in others):
        return file_path(value, place)
    if len(others) == 1:
        return fitting(value, others[0], place)
    for kind in others:
        try:
            return fitting(value, kind, place)
        except InputError:
            continue
    return _refused(value, " or ".join(_name(kind) for kind in others), place)


def _refused(value: Any, kind: Any, place: str) -> Any:
    raise InputError(f"{place}: expected {kind if isinstance(kind, str) else _name(kind)}, found {shown(value)}")


def _name(kind: Any) -> str:
    return str(getattr(get_origin(kind) or kind, "__name__", kind))


def _resolved(annotation: Any, named: dict[str, Any]) -> Any:
    """An annotation as written, where its names are known; else one that nothing is asked of."""
    if annotation is inspect.Parameter.empty:
        return object
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, dict(named))
    # A name that is imported for the type checker only.
    except NameError:
        return object
