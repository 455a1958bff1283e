"""`int(length / 2)`, `int(math.ceil(n / hop))`: whole numbers of lengths, while the length is a symbol.

Python asks `int` for a number of its own, so a symbol becomes that of the example. `torch.sym_int` keeps the symbol; it
stands in for `int` in the files that the classes of a module come from. What is whole already is not rounded: ONNX
rounds floats only.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

_NAME = "int"
_ROUNDINGS = (math.ceil, math.floor, math.trunc, torch.sym_int)
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


@contextmanager
def whole_numbers(module: nn.Module) -> Iterator[None]:
    """While `module` is captured, `int` of a symbol stays one in the code of its classes."""
    files = {type(one).__module__ for one in module.modules()}
    scopes = [vars(sys.modules[file]) for file in files if file in sys.modules and file.split(".")[0] not in _OTHERS]
    # Where the name means something else already, it is left alone.
    own = [scope for scope in scopes if _NAME not in scope]
    for scope in own:
        scope[_NAME] = _Whole
    try:
        yield
    finally:
        for scope in own:
            scope.pop(_NAME, None)


def without_roundings(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """The same program, changed in place: `math.ceil` of a whole number is that number."""
    for node in list(program.graph.nodes):
        if node.target in _ROUNDINGS and isinstance(node.args[0].meta.get("val"), (int, torch.SymInt)):
            node.replace_all_uses_with(node.args[0])
            program.graph.erase_node(node)
    return program
