"""Where the largest or smallest number along an axis stands."""

from __future__ import annotations

import numpy as np

from rnnedge_export.codegen._ir.reductions import LARGEST, SMALLEST
from rnnedge_export.codegen._ir.tensors import FLOAT, INT, Tensor, plain
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._reduce_loops import folded
from rnnedge_export.codegen.lower._registry import Result, rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable
from rnnedge_export.codegen.lower.elementwise import combined


@rule("ArgMax", "ArgMin", integers=True)
def argument(scope: SymbolTable, node: Node) -> Result:
    """The first place of several equal ones, or the last; with the axis as a length of 1, or without it."""
    value = scope.input(node, 0)
    axis = int(node.attribute("axis", 0)) % len(value.shape)
    last = bool(node.attribute("select_last_index", 0))
    found = _place(scope, value, axis, smallest=node.op == "ArgMin", last=last)
    keeps = node.attribute("keepdims", 1)
    return [found if keeps else found.rearranged(lambda index: index.squeeze(axis))]


@rule("Hardmax")
def hardmax(scope: SymbolTable, node: Node) -> Result:
    """1 at the first place of the largest number along an axis, 0 elsewhere."""
    if scope.opset < 13:
        node.refuse(f"opset {scope.opset}: expected 13 or later")
    value = scope.input(node, 0)
    axis = int(node.attribute("axis", -1)) % len(value.shape)
    here = combined(scope, "equal", [_places(scope, value, axis), _place(scope, value, axis)], INT)
    return [combined(scope, "select", [here, 1.0, 0.0])]


def _place(scope: SymbolTable, value: Tensor, axis: int, *, smallest: bool = False, last: bool = False) -> Tensor:
    """int64, with length 1 along `axis`; of a NaN if there is one."""
    value = plain(scope.program.materialized(value))
    extreme = folded(scope, value, (axis,), SMALLEST if smallest else LARGEST)
    at = combined(scope, "equal", [value, extreme], INT)
    if value.kind == FLOAT:
        at = combined(scope, "or", [at, combined(scope, "is_nan", [value], INT)], INT)
    beyond = scope.program.constant(np.array(-1 if last else value.shape[axis], np.int64))
    places = combined(scope, "select", [at, _places(scope, value, axis), beyond], INT)
    return folded(scope, places, (axis,), LARGEST if last else SMALLEST)


def _places(scope: SymbolTable, value: Tensor, axis: int) -> Tensor:
    """0, 1, 2, ... along `axis`."""
    shape = [length if at == axis else 1 for at, length in enumerate(value.shape)]
    return scope.program.constant(np.arange(value.shape[axis], dtype=np.int64).reshape(shape))
