"""Dims of the offline graph, which are numbers or expressions of "batch" and "time", compared by what they come to."""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil, floor
from typing import Any

from rnnedge_runtime.contract import Dim

# Batch sizes that share no factor with one another, and lengths that most strides divide.
PROBES = ((1009, 4435200), (2003, 8870400), (3001, 22176000))
_NAMES: dict[str, Any] = {"Max": max, "Min": min, "max": max, "min": min, "ceiling": ceil, "floor": floor}
_WORD = re.compile(r"[A-Za-z_]\w*")


def size(dim: Dim, batch: int, time: int) -> int | None:
    """What `dim` comes to, None where it is no expression of "batch" and "time"."""
    if isinstance(dim, int):
        return dim
    names = {**_NAMES, "batch": batch, "time": time}
    if not re.fullmatch(r"[\w\s()+*/,-]+", dim) or not set(_WORD.findall(dim)) <= set(names):
        return None
    try:
        return int(eval(dim, {"__builtins__": {}}, names))
    except (SyntaxError, TypeError, ZeroDivisionError):
        return None


def length_of(dim: Dim, time: int) -> int | None:
    """What a length comes to for a sequence of `time` frames: none where it is too short."""
    found = size(dim, 1, time)
    return None if found is None else max(0, found)


def grows(dim: Dim, name: str) -> bool:
    """Whether `name`, "batch" or "time", stands in `dim`."""
    return not isinstance(dim, int) and name in _WORD.findall(dim)


def ratio(before: Dim, after: Dim) -> Fraction | None:
    """after / before, where that is one number whatever batch and time are."""
    found = set()
    for batch, time in PROBES:
        a, b = size(before, batch, time), size(after, batch, time)
        if not a or b is None:
            return None
        found.add(Fraction(b, a))
    return found.pop() if len(found) == 1 else None


def product(dims: tuple[Dim, ...]) -> str:
    """The product of some dims, as an expression."""
    return "*".join(f"({d})" for d in dims) or "1"
