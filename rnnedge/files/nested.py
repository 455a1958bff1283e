"""Nested lists of numbers, as JSON has them, so that none is taken for an array of another shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# Those of JSON alone: True is a number to Python, and to numpy.
_NUMBERS = {int, float}


def shape_of(value: Any) -> tuple[int, ...]:
    """As numpy's; () for a number. Raises `ValueError` for ragged lists, and for anything but numbers in them."""
    if type(value) in _NUMBERS:
        return ()
    if type(value) is not list:
        raise ValueError(f"found {str(value)[:40]!r} in it")
    if set(map(type, value)) <= _NUMBERS:
        return (len(value),)
    inner = {shape_of(part) for part in value}
    if len(inner) > 1:
        raise ValueError("its lists are not equally long")
    return (len(value), *inner.pop())


def flat(value: Any) -> Iterator[float]:
    """The numbers, in their order, of what has a shape."""
    if isinstance(value, list):
        for part in value:
            yield from flat(part)
    else:
        yield value
