"""The operator table and what it stands for: an operator that is in one place only is found here."""

from __future__ import annotations

from pathlib import Path

import onnx
from in_one_test import in_one_test

from rnnedge_export.capture.capture import OPSETS
from rnnedge_export.codegen import lower as native_families
from rnnedge_export.codegen._nodes.product_fusion import PRODUCT
from rnnedge_export.codegen.lower._registry import operators as native
from rnnedge_export.graph.axes._propagation import RULES
from rnnedge_export.graph.catalogue import catalogue
from rnnedge_export.graph.decompositions import DECOMPOSITIONS
from rnnedge_export.graph.operators import OPERATORS, Kind, of_kind, taken_by
from rnnedge_export.graph.runtime_table import NEWEST, TARGET, runtime_table
from rnnedge_export.streaming import operators as streaming
from rnnedge_runtime import __file__ as runtime
from rnnedge_runtime.untrusted.operator_table import operators as strict

PAGE = Path(__file__).parents[3] / "docs" / "figures" / "operator-table.md"


def test_every_streaming_rule_has_a_row() -> None:
    """And every row that says so has a rule."""
    assert set(streaming()) == set(taken_by("streams"))


def test_every_decomposition_has_a_row() -> None:
    """And every row that says so is decomposed."""
    assert set(DECOMPOSITIONS) == set(taken_by("decomposed"))


def test_every_native_rule_has_a_row() -> None:
    """And every row that says so is compiled; a product of several nodes is the compiler's own operator."""
    assert native_families
    assert set(native()) - {PRODUCT} == set(taken_by("native"))


def test_every_operator_of_the_strict_loader_has_a_row() -> None:
    """And every row that says so is read by it."""
    assert strict() == set(taken_by("strict"))


def test_every_rule_about_axes_has_a_row() -> None:
    """And every operator of a kind has a rule."""
    assert set(RULES) <= set(OPERATORS)
    assert all(name in RULES for kind in Kind if kind is not Kind.OWN for name in of_kind(kind))


def test_what_streams_can_be_loaded_elsewhere() -> None:
    """A file that a network is exported to is refused by no strict loader for its operators."""
    assert set(taken_by("streams")) | set(taken_by("native")) <= set(taken_by("strict"))
    assert set(taken_by("fills")) <= set(taken_by("strict"))


@in_one_test("name", [name for name in OPERATORS if "::" not in name])
def test_every_operator_exists_in_an_opset_of_the_exporter(name: str) -> None:
    """Its first opset is that of ONNX, and a rule that no export reaches has no row."""
    versions = [s for s in onnx.defs.get_all_schemas_with_history() if s.name == name and not s.domain]
    assert OPERATORS[name].since == min(schema.since_version for schema in versions)
    assert OPERATORS[name].since <= NEWEST == OPSETS.stop - 1
    assert not onnx.defs.get_schema(name, NEWEST).deprecated


def test_rows_are_in_alphabetical_order() -> None:
    """So that a new one has one place."""
    assert list(OPERATORS) == sorted(OPERATORS, key=lambda name: ("::" in name, name))


def test_the_runtime_has_what_the_table_says() -> None:
    """`python -m rnnedge_export.graph.runtime_table` writes it."""
    assert (Path(runtime).parent / TARGET).read_text() == runtime_table()


def test_the_page_has_what_the_table_says() -> None:
    """`make docs` writes it."""
    assert PAGE.read_text() == catalogue()
