"""The table of the native engine's operators is made of the rules."""

from __future__ import annotations

from pathlib import Path

from rnnedge_export.codegen.catalogue import catalogue

PAGE = Path(__file__).parents[3] / "docs" / "figures" / "native-operators.md"


def test_every_operator_with_a_rule_stands_in_the_table() -> None:
    """The committed table is what the rules say now; `make docs` writes it."""
    assert PAGE.read_text() == catalogue()
