"""The page "What can be streamed" is made of the rules."""

from __future__ import annotations

from pathlib import Path

from rnnedge_export.streaming import operators
from rnnedge_export.streaming.catalogue import catalogue

PAGE = Path(__file__).parents[3] / "docs" / "figures" / "operators.md"


def test_every_operator_with_a_rule_stands_on_the_page() -> None:
    """The committed page is what the rules say now; `make docs` writes it."""
    text = catalogue()
    assert all(operator in text for operator in operators())
    assert PAGE.read_text() == text
