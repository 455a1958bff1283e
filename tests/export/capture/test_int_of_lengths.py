"""`int` of a length stays a symbol where a stand-in can take its place."""

from __future__ import annotations

import linecache
import sys
from types import ModuleType

import pytest
from torch import nn

from rnnedge_export.capture._whole_numbers import whole_numbers

_CELL = """
from torch import nn

class Counts(nn.Module):
    def forward(self, x):
        return x[:, : int(x.shape[1] / 2)]

class Plain(nn.Module):
    def forward(self, x):
        return 2 * x
"""


@pytest.mark.parametrize("names", [("Counts", "Plain"), ("Plain", "Counts")])
def test_every_class_of_a_notebook_is_read(names: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no file, and `int` is called by one of its classes only."""
    cell = ModuleType("a_notebook")
    monkeypatch.setitem(sys.modules, cell.__name__, cell)
    monkeypatch.setitem(linecache.cache, "<cell>", (len(_CELL), None, _CELL.splitlines(keepends=True), "<cell>"))
    exec(compile(_CELL, "<cell>", "exec"), vars(cell))
    with whole_numbers(nn.Sequential(*(vars(cell)[name]() for name in names))):
        assert "int" in vars(cell)
    assert "int" not in vars(cell)
