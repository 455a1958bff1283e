"""C stands in one room, and the layers of the compiler know of each other in one direction."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import rnnedge_export.codegen

ROOM = Path(rnnedge_export.codegen.__file__).parent
FILES = sorted(path.relative_to(ROOM).as_posix() for path in ROOM.rglob("*.py"))
# What no sentence and no name of an operator has in it.
C = re.compile(
    r";(\n|$)|\bfor \(|\bif \(|\bsizeof\b|\{\{|#(define|include|if)\b|\bmem(cpy|set)\b|\b(static|const|void|return) \w+"
    r"|\b(float|double|int|int32_t|int64_t|uint8_t) \*|\[i\d*\]|\+ [a-z] \*|\bstream->"
)


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Every string that is no docstring, with its line; of an f-string what stands between the values."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and _documented(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def _documented(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> bool:
    return bool(node.body) and isinstance(node.body[0], ast.Expr)


def lines_of_c(source: str) -> list[str]:
    """The strings that are C."""
    return [f"{line}: {text!r}" for line, text in texts(source) if C.search(text)]


def test_c_stands_in_render_and_its_templates_only() -> None:
    """So that who knows C finds all of it in one place: no other file has a line of it."""
    found = {name: lines_of_c((ROOM / name).read_text()) for name in FILES if not name.startswith("render/")}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "text",
    [
        "y[i] = 0;",
        "for (int i = 0; i < 3; i++)",
        "const float *x",
        "A + 3 + b * 4",
        "memcpy(y, x, 4)",
        "stream->refused = 1",
    ],
)
def test_a_line_of_c_is_seen(text: str) -> None:
    """So that the count can be more than nothing, in an f-string as well."""
    assert lines_of_c(f"x = {text!r}")
    assert lines_of_c(f"y = 4\nx = f'{{y}}' + f{text!r}")


# What a layer may import of this room, by the beginning of a module's name.
ALLOWED = {
    "_nodes/": {"_nodes"},
    "_ir/": {"_ir", "_nodes"},
    "lower/": {"_ir", "_nodes", "lower"},
    "render/": {"_ir", "_nodes", "render"},
}


@pytest.mark.parametrize("layer", ALLOWED)
def test_layers_know_those_below_them_only(layer: str) -> None:
    """Lowering knows no C, the program knows no operator, and rendering knows neither nodes nor rules."""
    found = set()
    for name in (name for name in FILES if name.startswith(layer)):
        for node in ast.walk(ast.parse((ROOM / name).read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            if module and module.startswith("rnnedge_export.codegen"):
                inside = module.split(".")[2:] or [alias.name for alias in node.names]
                found.add(inside[0])
    assert found, layer
    assert found <= ALLOWED[layer]
