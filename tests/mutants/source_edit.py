"""One line of a function, written otherwise: the function keeps its identity, so whoever imported it has the fault."""

from __future__ import annotations
import __future__

import ast
import importlib
import inspect
import textwrap
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

import pytest

_HIT = "__planted__"


def rewrite(patch: pytest.MonkeyPatch, where: str, old: str, new: str, hit: Callable[[], None]) -> None:
    """Put `new` in the place of `old`, which stands once in the function `where`, "module:Class.method"."""
    function = _function(where)
    text = textwrap.dedent(inspect.getsource(function))
    assert text.count(old) == 1, f"{where}: {old!r} stands there {text.count(old)} times"
    tree = ast.parse(text.replace(old, new))
    node = tree.body[0]
    assert isinstance(node, ast.FunctionDef)
    node.decorator_list.clear()
    node.body.insert(0, ast.parse(f"{_HIT}()").body[0])
    code = compile(tree, inspect.getfile(function), "exec", __future__.annotations.compiler_flag, dont_inherit=True)
    made = next(one for one in code.co_consts if isinstance(one, CodeType) and one.co_name == node.name)
    assert made.co_freevars == function.__code__.co_freevars, f"{where}: it is a closure"
    patch.setitem(function.__globals__, _HIT, hit)
    patch.setattr(function, "__code__", made)


def _function(where: str) -> FunctionType:
    module, _, path = where.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = inspect.getattr_static(found, name)
    found = getattr(found, "fget", None) or getattr(found, "__func__", None) or found
    found = getattr(found, "func", found)
    function = inspect.unwrap(found)
    assert isinstance(function, FunctionType), where
    return function
