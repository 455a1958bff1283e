"""Lengths that are rounded up once for each layer of an encoder are divided without a search by sympy."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import sympy
from torch.utils._sympy.functions import FloorDiv

from rnnedge_export.capture._fake_tensors import quick_lengths


def _length(n: Any, batch: Any, divide: Any) -> Any:
    """Of frames of a length that layers of kernel 8 and stride 4 fit, and a part of them, by a shape with -1."""
    for _ in range(2):
        n = -divide(-(n - 8), 4) + 1
    for _ in range(2):
        n = (n - 1) * 4 + 8
    return divide(batch * (2 * n + 2 * divide(n, 3) + 4 * divide(n, 5)), 6 * batch)


def test_long_expressions_are_divided_term_by_term() -> None:
    """They come to what Python's numbers come to; what is not divided by that is simplified as ever."""
    usual, searched = sympy.simplify, []

    def noted(of: Any, **options: Any) -> Any:
        searched.append(sympy.count_ops(of))
        return usual(of, **options)

    n, batch = sympy.symbols("n batch", integer=True, positive=True)
    with patch.object(sympy, "simplify", noted):
        usually = _length(n, batch, FloorDiv)
        assert max(searched) >= 16
        searched.clear()
        with quick_lengths():
            found = _length(n, batch, FloorDiv)
            assert FloorDiv((n + 1) * (n + 2) * 6, 4 * n + 4) == FloorDiv(3 * n + 6, 2)
    assert max(searched) < 16
    for length in range(40, 90):
        expected = _length(length, 3, lambda a, b: a // b)
        assert int(found.subs({n: length, batch: 3})) == int(usually.subs({n: length, batch: 3})) == expected
