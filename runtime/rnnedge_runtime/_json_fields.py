"""Single values of a contract in JSON: each is what it has to be, or a `ContractError` that names its place."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from rnnedge_runtime.errors import ContractError

_DIM = re.compile(r"time|batch|[1-9]\d{0,8}\*batch")


def optional(value: Any, read: Callable[[Any], Any]) -> Any:
    """`value` as `read` reads it; None as it is."""
    return None if value is None else read(value)


def expect(fits: bool, place: str, expected: str, found: object) -> None:
    """Raise `ContractError` for a value at `place` that is not what is expected."""
    if not fits:
        raise ContractError(f"contract.{place}: expected {expected}, found {str(found)[:60]!r}")


def text(value: Any, place: str) -> str:
    """A string."""
    expect(isinstance(value, str), place, "text", value)
    return str(value)


def items(value: Any, place: str) -> Iterator[tuple[int, Any]]:
    """The items of a list, with their numbers: a text, or an object, would give its letters, or its names."""
    expect(isinstance(value, list), place, "a list", value)
    return enumerate(value)


def integer(value: Any, least: int, place: str) -> int:
    """An integer from `least`."""
    fits = isinstance(value, int) and not isinstance(value, bool) and value >= least
    expect(fits, place, f"an integer >= {least}", value)
    return int(value)


def number(value: Any, place: str) -> float:
    """A finite number."""
    expect(isinstance(value, (int, float)) and not isinstance(value, bool), place, "a number", value)
    expect(math.isfinite(value), place, "a finite number", value)
    return float(value)


def choice(value: Any, choices: tuple[str, ...], place: str) -> str:
    """One of `choices`."""
    expect(value in choices, place, f"one of {', '.join(choices)}", value)
    return str(value)


def shape_of_dims(fields: Any, place: str) -> tuple[int | str, ...]:
    """A tuple of dims."""
    fits = isinstance(fields, list) and all(
        (isinstance(d, int) and not isinstance(d, bool) and d >= 0) or (isinstance(d, str) and _DIM.fullmatch(d))
        for d in fields
    )
    expect(fits, f"{place}.shape", "a list of dims", fields)
    return tuple(fields)


def axis(value: Any, shape: tuple[int | str, ...], place: str) -> int:
    """An axis of `shape`."""
    found = integer(value, 0, place)
    expect(found < len(shape), place, f"an axis of {list(shape)}", value)
    return found
