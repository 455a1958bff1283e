"""`if n % hop: x = F.pad(x, (0, hop - n % hop))`: what a branch on a remainder does, for any length.

A trace takes one side of that branch, and pads a whole `hop` too much where nothing is left. In a trace at a length
that leaves a remainder, `n // hop` is written as `(n - 1) // hop`, and `n % hop` as `(n - 1) % hop + 1`: equal there,
and at multiples what the other side comes to, for what is rounded up by such a branch. Whether it is one, the lengths
and values of what comes out show (`_agreement.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from rnnedge_export.capture._user_lines import called_by_users

_SymInt: Any = torch.SymInt


@contextmanager
def rounded_up() -> Iterator[None]:
    """While it lasts, in the code of the user's own files."""
    floor, remainder = _SymInt.__floordiv__, _SymInt.__mod__
    _SymInt.__floordiv__ = _left_over(floor, lambda n, hop: floor(n - 1, hop))
    _SymInt.__mod__ = _left_over(remainder, lambda n, hop: remainder(n - 1, hop) + 1)
    try:
        yield
    finally:
        _SymInt.__floordiv__, _SymInt.__mod__ = floor, remainder


def _left_over(usual: Callable[..., Any], other: Callable[[Any, int], Any]) -> Callable[..., Any]:
    def of(n: Any, hop: Any) -> Any:
        counted = isinstance(hop, int) and hop > 1 and n.node.hint is not None
        return other(n, hop) if counted and n.node.hint % hop and called_by_users() else usual(n, hop)

    return of
