"""Lengths that are rounded up once for each layer of an encoder are divided without a search by sympy."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import sympy
from torch.utils._sympy.functions import FloorDiv

from rnnedge_export.capture._fake_tensors import quick_lengths


def _valid(n: Any, divide: Any) -> Any:
    """The next length that three layers of kernel 8 and stride 4 fit, twice over, through four axes of as many."""
    for _ in range(3):
        n = -divide(-(n - 8), 4) + 1
    for _ in range(3):
        n = (n - 1) * 4 + 8
    return divide(-divide(-(2 * n), 4) * 8 + 12, 4)


def test_long_expressions_are_divided_term_by_term() -> None:
    """They come to what Python's numbers come to; short ones are simplified as ever."""
    usual, long = sympy.simplify, []

    def noted(of: Any, **options: Any) -> Any:
        long.append(sympy.count_ops(of))
        return usual(of, **options)

    n = sympy.Symbol("n", integer=True, positive=True)
    with patch.object(sympy, "simplify", noted), quick_lengths():
        found = _valid(n, FloorDiv)
    assert max(long, default=0) < 16
    for length in range(40, 140):
        assert int(found.subs(n, length)) == _valid(length, lambda a, b: a // b)
