"""`-(-n // 8)`: a division of lengths goes down to the next whole number, of a negative one too, as in Python.

torch.onnx writes it as a division of ONNX, which goes towards 0. The remainder of ONNX is Python's.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node


def with_floors(program: ExportedProgram) -> ExportedProgram:
    """The same program, changed in place: what is negative for the frames of the example is divided without a rest."""
    for node in list(program.graph.nodes):
        if node.target is operator.floordiv and _is_negative(node.args[0]):
            n, divisor = node.args
            with program.graph.inserting_before(node):
                rest = _apply(program, operator.mod, n, divisor)
                node.args = (_apply(program, operator.sub, n, rest), divisor)
    return program


def _is_negative(number: Any) -> bool:
    value = _value(number)
    return isinstance(value, torch.SymInt) and value.node.has_hint() and value.node.hint < 0


def _apply(program: ExportedProgram, target: Any, *args: Any) -> Any:
    node = program.graph.call_function(target, args)
    node.meta["val"] = target(*map(_value, args))
    return node


def _value(of: Any) -> Any:
    return of.meta["val"] if isinstance(of, Node) else of
