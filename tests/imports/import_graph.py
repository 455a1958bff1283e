"""Which module of a package imports which, read from the source: at the top, in functions, and for types only."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "rnnedge": ROOT / "rnnedge",
    "rnnedge_export": ROOT / "export" / "rnnedge_export",
    "rnnedge_runtime": ROOT / "runtime" / "rnnedge_runtime",
}
Graph = dict[str, set[str]]


@cache
def sources_of(package: str) -> dict[str, str]:
    """The source of every module by its name; that of a room's `__init__` by the name `room.__init__`."""
    folder = FOLDERS[package]
    return {
        ".".join((package, *path.relative_to(folder).with_suffix("").parts)): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.py"))
    }


def imports(sources: Mapping[str, str]) -> Graph:
    """The modules of `sources` that each of them imports."""
    known = {name.removesuffix(".__init__"): name for name in sources}
    graph: Graph = {name: set() for name in sources}
    for name, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found = [_module(str(node.module), alias.name, known) for alias in node.names]
            else:
                continue
            graph[name] |= {known[one] for one in found if one in known} - {name}
    return graph


def rooms(graph: Graph) -> Graph:
    """The same between rooms: folders, and the modules that are in none."""
    between: Graph = {}
    for name, others in graph.items():
        between.setdefault(_room(name), set()).update({_room(other) for other in others} - {_room(name)})
    return between


def circles(graph: Graph) -> list[list[str]]:
    """Each largest set of nodes that all reach each other (Tarjan, 1972)."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = lowest[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in stack:
                lowest[node] = min(lowest[node], index[other])
        if lowest[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def _module(module: str, name: str, known: Mapping[str, str]) -> str:
    return f"{module}.{name}" if f"{module}.{name}" in known else module


def _room(name: str) -> str:
    """`package.room`; a module at the root of the package is a room of its own."""
    above, _, _ = name.rpartition(".")
    return above if "." in above else name
