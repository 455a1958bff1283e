"""docs/reference.md is the list of what is public, no more and no less."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from in_one_test import in_one_test

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference.md"
# Packages whose `__all__` is public.
DOORS = (
    "rnnedge_export", "rnnedge_runtime", "rnnedge_runtime.measure",
    "rnnedge.audio", "rnnedge.baselines", "rnnedge.data", "rnnedge.explain", "rnnedge.frames", "rnnedge.live",
    "rnnedge.live.cluster", "rnnedge.nn", "rnnedge.recipes", "rnnedge.remote", "rnnedge.sources",
    "rnnedge.training", "rnnedge.tuning",
)  # fmt: skip
# Described as a whole, or imported from where they are: what few need.
MODULES = (
    "rnnedge.explain.cells", "rnnedge.explain.gates", "rnnedge.recipes.recipe", "rnnedge.tasks.generate",
    "rnnedge.training.losses", "rnnedge.training.lr_finder", "rnnedge.training.metrics", "rnnedge.training.search",
    "rnnedge_runtime.clock.Clock", "rnnedge_runtime.engines.denormals.flush_denormals",
)  # fmt: skip


def exported() -> set[str]:
    """Every name that a door hands out, in full."""
    return {f"{door}.{name}" for door in DOORS for name in import_module(door).__all__}


def listed(text: str) -> list[str]:
    """The names on the page."""
    return re.findall(r"^::: (\S+)$", text, re.MULTILINE)


def test_the_page_lists_what_the_packages_export() -> None:
    """A change of the public API is a change of this page."""
    names = listed(PAGE.read_text(encoding="utf-8"))
    assert len(names) == len(set(names))
    assert set(names) == exported() | set(MODULES)


def test_rnnedge_hands_out_names_of_the_page() -> None:
    """`rnnedge.load` is `rnnedge_runtime.load`; nothing is exported at the top alone."""
    top = import_module("rnnedge")
    for name in top.__all__:
        owners = [door for door in ("rnnedge_export", "rnnedge_runtime") if f"{door}.{name}" in exported()]
        assert [getattr(import_module(owner), name) for owner in owners] == [getattr(top, name)]


@in_one_test("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_pages_import_public_names_only(page: str) -> None:
    """A snippet shows nothing that may change without notice."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for module, names in re.findall(r"^\s*from (rnnedge[\w.]*) import ([\w, ]+)$", text, re.MULTILINE):
        for name in names.split(", "):
            assert f"{module}.{name}" in exported() or module in (*MODULES, "rnnedge"), f"{module}.{name}"


def test_a_name_that_is_missing_is_seen() -> None:
    """The reader of the page finds a name by its line, so the comparison can fail."""
    assert listed("::: a.b\ntext ::: c\n::: d") == ["a.b", "d"]
