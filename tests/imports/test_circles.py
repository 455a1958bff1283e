"""Imports run one way: no module reaches itself, and no room reaches a room that reaches it."""

from __future__ import annotations

from functools import cache

import pytest
from import_graph import FOLDERS, Graph, circles, imports, rooms, sources_of


@cache
def _graph(package: str) -> Graph:
    return imports(sources_of(package))


@pytest.mark.parametrize("package", FOLDERS)
def test_no_module_imports_itself_through_others(package: str) -> None:
    """Imports inside functions and for types count too."""
    found = circles(_graph(package))
    assert found == []


@pytest.mark.parametrize("package", FOLDERS)
def test_no_room_imports_itself_through_others(package: str) -> None:
    """An arrow that climbs from a room to what is built on it makes a circle between rooms."""
    found = circles(rooms(_graph(package)))
    assert found == []


def test_a_circle_is_found() -> None:
    """Through a function, for types only, and between two rooms of which no file is in a circle."""
    sources = {
        "p.__init__": "",
        "p.low.a": "def f():\n    from p.high import c",
        "p.low.b": "",
        "p.high.__init__": "",
        "p.high.c": "import p.top",
        "p.high.d": "from p.low.b import name",
        "p.top": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import p.high.c",
    }
    graph = imports(sources)
    assert circles(graph) == [["p.high.c", "p.top"]]
    assert circles(rooms(graph)) == [["p.high", "p.low", "p.top"]]
