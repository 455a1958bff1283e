"""The largest whole number that a source takes, such as the last row of a table, found by asking it."""

from __future__ import annotations

from collections.abc import Callable

_MOST = 1 << 20


def largest_number(call: Callable[[int], object], low: int) -> int | None:
    """The last number for which `call` raises nothing, `low` being one of them; None if it takes a million.

    By doubling, then by bisection.
    """

    def takes(number: int) -> bool:
        try:
            call(number)
        # Whatever the source raises for a number that it does not have.
        except Exception:
            return False
        return True

    high = max(1, 2 * low)
    while takes(high):
        low, high = high, 2 * high
        if high > _MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if takes(middle) else (low, middle)
    return low
