"""`int(length / 2)`, `int(math.ceil(n / hop))`, `len(x)`, `divmod(n, hop)`: numbers of lengths, as symbols.

Python asks `int` for a number of its own, so a symbol becomes that of the example. `torch.sym_int` keeps the symbol; it
stands in for `int` in the files that the classes of a module come from, if their functions call it only: as a dtype, or
in `type(n) is int`, nothing can stand in for it. `len` of a tensor, its first size, and `divmod` are the same. What is
whole already is not rounded: ONNX rounds floats only.
"""

from __future__ import annotations

import ast
import inspect
import math
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from torch import nn

_ROUNDINGS = (math.ceil, math.floor, math.trunc, torch.sym_int)
# What asks of a type, or calls it.
_ASKING = ("isinstance", "issubclass", "map")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_OTHERS = ("torch", "builtins", "rnnedge_export")


class _AsInt(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, int)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, int)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and isinstance(args[0], (torch.SymInt, torch.SymFloat)):
            return torch.sym_int(args[0])  # type: ignore[no-untyped-call]
        return int(*args, **kwargs)


class _Whole(int, metaclass=_AsInt):
    """`int`, of a symbol too."""


def _length(of: Any, /) -> Any:
    """`len`, of a tensor whose first size is a symbol too."""
    return of.shape[0] if isinstance(of, torch.Tensor) and of.ndim else len(of)


def _quotient(n: Any, d: Any, /) -> Any:
    """`divmod`, of symbols too."""
    return (n // d, n % d) if isinstance(n, torch.SymInt) or isinstance(d, torch.SymInt) else divmod(n, d)


_STAND_INS: dict[str, Any] = {"int": _Whole, "len": _length, "divmod": _quotient}


@contextmanager
def whole_numbers(module: nn.Module) -> Iterator[None]:
    """While `module` is captured, `int`, `len` and `divmod` of a symbol stay symbols in the code of its classes."""
    classes: dict[str, set[type]] = {}
    for one in module.modules():
        classes.setdefault(type(one).__module__, set()).add(type(one))
    files = [file for file in classes if file in sys.modules and file.split(".")[0] not in _OTHERS]
    # Where the name means something else already, it is left alone.
    own = [
        (vars(sys.modules[file]), name)
        for file in files
        for name in _STAND_INS
        if name not in vars(sys.modules[file]) and _is_called(name, file, classes[file])
    ]
    for scope, name in own:
        scope[name] = _STAND_INS[name]
    try:
        yield
    finally:
        for scope, name in own:
            scope.pop(name, None)


def _is_called(name: str, file: str, kinds: Iterable[type]) -> bool:
    """Whether functions of the file that classes are from call what has this name, and do nothing else with it."""
    # A notebook is no file, but its functions have lines; what was typed has none.
    sources = _sources(sys.modules[file]) or [text for kind in kinds for text in _sources(kind.forward)]  # type: ignore[attr-defined]
    return _only_calls(name, tuple(sources))


def _sources(one: object) -> list[str]:
    """The source of a file or a function, if there is one."""
    try:
        return [textwrap.dedent(inspect.getsource(one))]  # type: ignore[arg-type]
    except (OSError, TypeError):
        return []


# The networks of a program are of a few files, and each capture asks of them.
@lru_cache(maxsize=64)
def _only_calls(name: str, sources: tuple[str, ...]) -> bool:
    trees = [tree for text in sources for tree in _trees(text)]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)]
    bodies = [part for node in functions for part in (node.body if isinstance(node.body, list) else [node.body])]
    named = {node for part in bodies for node in ast.walk(part) if isinstance(node, ast.Name) and node.id == name}
    return bool(named) and named <= set[ast.AST]().union(*map(_answered, trees))


def _trees(source: str) -> list[ast.AST]:
    try:
        return [ast.parse(source)]
    except SyntaxError:
        return []


def _answered(tree: ast.AST) -> set[ast.AST]:
    """What is called, asked of a type, or an annotation."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        if isinstance(node, ast.Call):
            found.add(node.func)
            parts += node.args if isinstance(node.func, ast.Name) and node.func.id in _ASKING else []
        found.update(inner for part in parts if part is not None for inner in ast.walk(part))
    return found


def without_roundings(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """The same program, changed in place: `math.ceil` of a whole number is that number."""
    for node in list(program.graph.nodes):
        if node.target in _ROUNDINGS and isinstance(node.args[0].meta.get("val"), (int, torch.SymInt)):
            node.replace_all_uses_with(node.args[0])
            program.graph.erase_node(node)
    return program
