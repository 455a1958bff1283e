"""The reference page lists what the runtime exports."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import rnnedge_runtime

_PAGE = Path(__file__).parents[2] / "docs" / "reference.md"
_WITH_OPTIONS = [
    rnnedge_runtime.load,
    rnnedge_runtime.replay,
    rnnedge_runtime.Model.stream,
    rnnedge_runtime.Model.pool,
    rnnedge_runtime.Model.run,
    rnnedge_runtime.StreamPool.join,
    rnnedge_runtime.StreamPool.batcher,
    rnnedge_runtime.StateMonitor,
]


def test_the_reference_lists_every_public_name() -> None:
    """A name that `rnnedge_runtime` exports has an entry."""
    listed = {line.removeprefix("::: ") for line in _PAGE.read_text(encoding="utf-8").splitlines()}
    assert [name for name in rnnedge_runtime.__all__ if f"rnnedge_runtime.{name}" not in listed] == []


@pytest.mark.parametrize("documented", _WITH_OPTIONS, ids=lambda one: one.__qualname__)
def test_a_docstring_explains_every_option(documented: object) -> None:
    """The page shows docstrings, so an option is explained if its docstring names it."""
    text = inspect.getdoc(documented) or ""
    if inspect.isclass(documented):
        text += inspect.getdoc(documented.__init__) or ""
    options = [p.name for p in inspect.signature(documented).parameters.values() if p.name != "self"]
    assert [name for name in options if f"`{name}" not in text] == []
