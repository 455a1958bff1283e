"""The place of the largest or smallest number, and the normalization by mean and deviation."""

from __future__ import annotations

import numpy as np
from one_node import COUNT, Case, check, numbers, shape


def test_places() -> None:
    """The first or the last of equal ones, of floats and whole numbers, the axis kept or dropped."""
    rng = np.random.default_rng(0)
    cases = []
    for k in range(COUNT):
        whole = shape(rng, 1, 3, 40)
        axis = int(rng.integers(-len(whole), len(whole)))
        values = rng.integers(-3, 4, whole) if k % 3 == 0 else np.round(numbers(rng, whole, special=False))
        options = {"axis": axis, "keepdims": k % 2, "select_last_index": k // 2 % 2}
        cases.append(Case("ArgMax" if k % 4 < 2 else "ArgMin", [values], options))
        cases.append(Case("Hardmax", [numbers(rng, whole, special=False)], {"axis": axis}))
    check(cases)


def test_mean_and_deviation() -> None:
    """Over any constant axes; numbers that are all equal become NaN, as in onnxruntime."""
    rng = np.random.default_rng(1)
    cases = [Case("MeanVarianceNormalization", [numbers(rng, (2, 3, 4, 5), special=False)], {"axes": axes})
             for axes in ([0, 2, 3], [3], [1, 2], [-1, -2])]  # fmt: skip
    cases.append(Case("MeanVarianceNormalization", [np.ones((1, 2, 3, 3), np.float32)]))
    check(cases)
