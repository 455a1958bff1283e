"""Arrows between the packages point one way: rnnedge -> rnnedge_export -> rnnedge_runtime -> numpy, onnxruntime."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "rnnedge": ROOT / "rnnedge",
    "rnnedge_export": ROOT / "export" / "rnnedge_export",
    "rnnedge_runtime": ROOT / "runtime" / "rnnedge_runtime",
}
RUNTIME_MAY_IMPORT = {"rnnedge_runtime", "numpy", "onnxruntime", *sys.stdlib_module_names}


def imported(source: str) -> Iterator[str]:
    """Top-level names of every import in `source`, those inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else (node.module or "").partition(".")[0]


@cache
def imports_of(package: str) -> dict[str, set[str]]:
    """Imported name -> the files of `package` that import it."""
    found: dict[str, set[str]] = {}
    for path in sorted(FOLDERS[package].rglob("*.py")):
        for name in imported(path.read_text(encoding="utf-8")):
            found.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    return found


def test_the_runtime_imports_numpy_onnxruntime_and_the_standard_library_only():
    """A device that has numpy and onnxruntime can import every file of rnnedge_runtime."""
    strangers = {name: files for name, files in imports_of("rnnedge_runtime").items() if name not in RUNTIME_MAY_IMPORT}
    # The extras `sign` and `hub`, and what type checkers alone read; test_lazy shows that importing loads none of them.
    assert strangers == {
        "huggingface_hub": {"runtime/rnnedge_runtime/hub.py"},
        "typing_extensions": {"runtime/rnnedge_runtime/frames.py"},
        "cryptography": {"runtime/rnnedge_runtime/_signature_check.py", "runtime/rnnedge_runtime/signing.py"},
    }


def test_the_exporter_knows_nothing_of_rnnedge():
    """rnnedge_export takes any module, so it imports rnnedge_runtime and never rnnedge."""
    found = imports_of("rnnedge_export")
    assert "rnnedge_runtime" in found
    assert found.get("rnnedge", set()) == set()


@pytest.mark.parametrize("package", FOLDERS)
def test_imports_are_absolute(package: str):
    """An import names its package in full, so that these tests see it."""
    assert imports_of(package).get(".", set()) == set()


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import torch.nn as nn", "torch"),
        ("from rnnedge.nn import Elman", "rnnedge"),
        ("def f():\n    from torch import nn", "torch"),
        ("from . import model", "."),
    ],
)
def test_a_forbidden_import_is_seen(source: str, name: str):
    """The reader behind these tests finds imports of every spelling, so the tests can fail."""
    assert list(imported(source)) == [name]


def test_benchmarks_import_nothing_of_the_tests():
    """What both use is in examples/, so that a benchmark runs without the tests' helpers."""
    helpers = {path.stem for path in (ROOT / "tests").rglob("*.py")} - {"__init__"}
    for path in sorted((ROOT / "bench").rglob("*.py")):
        assert set(imported(path.read_text(encoding="utf-8"))) & {"tests", *helpers} == set(), path


def test_the_root_of_rnnedge_holds_doors_only():
    """What does something is in a room; the file of paths that moved is part of the door."""
    assert {path.name for path in FOLDERS["rnnedge"].glob("*.py")} == {"__init__.py", "__main__.py", "_moved.py"}
