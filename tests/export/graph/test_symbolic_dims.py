"""Expressions of batch and time are computed, and nothing else is."""

from __future__ import annotations

import pytest
from in_one_test import in_one_test

from rnnedge_export.graph.symbolic_dims import ratio, size


@pytest.mark.parametrize(
    ("dim", "expected"),
    [
        (7, 7),
        ("time", 65),
        ("2*batch*time - 1", 259),
        ("(time - 3)//2 + 1", 32),
        ("-(-time//3)", 22),
        ("ceiling(time/2)", 33),
        ("floor(time/4)", 16),
        ("Max(0, time - 70, 3)", 3),
        ("time/2", 32),
        ("CeilToInt(IntTrueDiv(time, 2) + 1.0)", 34),
        ("PythonMod(-time, 4)", 3),
    ],
)
def test_an_expression_comes_to_a_number(dim: int | str, expected: int) -> None:
    """For 2 sequences of 65 frames."""
    assert size(dim, 2, 65) == expected


@in_one_test(
    "dim",
    ["frames", "time.real", "time[0]", "__import__('os')", "time if time else 1", "time(", "time//0", "2**time", "'a'",
     "max(time, key=len)", "lambda: time"],
)  # fmt: skip
def test_what_is_no_length_is_none(dim: str) -> None:
    """Nothing of it runs."""
    assert size(dim, 2, 65) is None


def test_a_ratio_is_one_number_or_none() -> None:
    """Whatever batch and time are; a length of whole groups has one, a shorter one has none."""
    assert ratio("batch*time", "4*batch*time") == 4
    assert ratio("time", "time - 1") is None
