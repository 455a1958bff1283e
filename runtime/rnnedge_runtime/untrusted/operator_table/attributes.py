"""Kinds of attributes: what a value of each may be. A check returns what it expected, or "" where it is content.

Every fresh process that loads an untrusted file imports this, and a dataclass takes half a millisecond to make:
these are plain classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from rnnedge_runtime.untrusted.operator_table.node import Body

LARGEST = 1 << 20
"""No count in an attribute is larger: sizes, strides, pads."""
MOST_AXES = 8


class Kind:
    """What an attribute may be; a node without one that is `required` is refused."""

    required: bool

    def wrong(self, value: Any) -> str:
        """What was expected; "" for a value that is right."""
        raise NotImplementedError


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


class Integer(Kind):
    """A number of `low` to `high`."""

    def __init__(self, low: int, high: int, required: bool = False) -> None:
        """As the class says."""
        self.low, self.high, self.required = low, high, required

    def wrong(self, value: Any) -> str:
        """As `Kind.wrong`."""
        right = _is_integer(value) and self.low <= value <= self.high
        return "" if right else f"an integer of {self.low} to {self.high}"


class Integers(Kind):
    """Up to `most` numbers of `low` to `high` each."""

    def __init__(self, low: int, high: int, most: int = 2 * MOST_AXES, required: bool = False) -> None:
        """As the class says."""
        self.low, self.high, self.most, self.required = low, high, most, required

    def wrong(self, value: Any) -> str:
        """As `Kind.wrong`."""
        if not _is_list(value) or not all(_is_integer(one) for one in value):
            return "a list of integers"
        if len(value) > self.most or not all(self.low <= one <= self.high for one in value):
            return f"at most {self.most} integers of {self.low} to {self.high}"
        return ""


class Number(Kind):
    """A finite number of `low` to `high`."""

    def __init__(self, low: float = -np.inf, high: float = np.inf, required: bool = False) -> None:
        """As the class says."""
        self.low, self.high, self.required = low, high, required

    def wrong(self, value: Any) -> str:
        """As `Kind.wrong`."""
        if not isinstance(value, (float, np.floating)) or not isfinite(value):
            return "a finite number"
        return "" if self.low <= value <= self.high else f"a number of {self.low:g} to {self.high:g}"


class Numbers(Kind):
    """Up to `most` finite numbers of `low` to `high` each."""

    def __init__(
        self, low: float = -np.inf, high: float = np.inf, most: int = 2 * MOST_AXES, required: bool = False
    ) -> None:
        """As the class says."""
        self.low, self.high, self.most, self.required = low, high, most, required

    def wrong(self, value: Any) -> str:
        """As `Kind.wrong`."""
        if not _is_list(value) or len(value) > self.most:
            return f"a list of at most {self.most} numbers"
        one = Number(self.low, self.high)
        return next((wrong for each in value if (wrong := one.wrong(each))), "")


class Word(Kind):
    """One of `allowed`."""

    def __init__(self, allowed: tuple[str, ...], required: bool = False) -> None:
        """As the class says."""
        self.allowed, self.required = allowed, required

    def wrong(self, value: Any) -> str:
        """As `Kind.wrong`."""
        return "" if isinstance(value, str) and value in self.allowed else f"one of {', '.join(self.allowed)}"


class Words(Kind):
    """Up to `most` of `allowed`."""

    def __init__(self, allowed: tuple[str, ...], most: int, required: bool = False) -> None:
        """As the class says."""
        self.allowed, self.most, self.required = allowed, most, required

    def wrong(self, value: Any) -> str:
        """As `Kind.wrong`."""
        right = _is_list(value) and len(value) <= self.most and all(one in self.allowed for one in value)
        return "" if right else f"at most {self.most} of {', '.join(self.allowed)}"


class Numeric(Kind):
    """A tensor of up to `most` numbers."""

    def __init__(self, most: int, required: bool = False) -> None:
        """As the class says."""
        self.most, self.required = most, required

    def wrong(self, value: Any) -> str:
        """As `Kind.wrong`."""
        right = isinstance(value, np.ndarray) and value.size <= self.most and value.ndim <= MOST_AXES
        return "" if right else f"a tensor of at most {self.most:,} numbers"


class Graph(Kind):
    """A graph."""

    def __init__(self, required: bool = False) -> None:
        """As the class says."""
        self.required = required

    def wrong(self, value: Any) -> str:
        """As `Kind.wrong`."""
        return "" if isinstance(value, Body) else "a graph"


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


FLAG = Integer(0, 1)
AXIS = Integer(-MOST_AXES, MOST_AXES)
AXES = Integers(-MOST_AXES, MOST_AXES, MOST_AXES)
SIZES = Integers(1, LARGEST, MOST_AXES)
