"""Numbers that are chosen within a frame by what is computed."""

from __future__ import annotations

from functools import partial

import numpy as np

from rnnedge_export.codegen._ir.places import Choose
from rnnedge_export.codegen._ir.statements import CheckRange
from rnnedge_export.codegen._ir.tensors import FLOAT, INT, Array, Index, plain
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._picked import picked
from rnnedge_export.codegen.lower._registry import Result, rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable
from rnnedge_export.codegen.lower.elementwise import combined

# Each is one more choice for every number.
_MOST_SCATTERED = 64
_SUM = {FLOAT: "add", INT: "whole_sum"}


@rule("GatherElements", integers=True)
def gather_elements(scope: SymbolTable, node: Node) -> Result:
    """Each number by its own place along an axis; a computed place that is none refuses the step, as in Gather."""
    value, numbers = scope.input(node, 0), scope.input(node, 1)
    axis = int(node.attribute("axis", 0)) % len(value.shape)
    # Along other axes there may be fewer places than numbers.
    part = tuple(slice(None) if at == axis else slice(size) for at, size in enumerate(numbers.shape))
    places, length, program = scope.known(node.inputs[1]), value.shape[axis], scope.program
    if places is not None:

        def taken(index: Index) -> Array:
            return np.take_along_axis(index[part], places, axis)

        return [value.rearranged(taken)]
    if 0 in numbers.shape:
        return [plain(program.new(numbers.shape, value.kind))]
    if numbers.kind != INT:
        node.refuse(f"places are {numbers.kind}: expected whole numbers")
    if not length:
        node.refuse("places along an axis of length 0: expected at least one number to choose from")
    return [picked(program, value, axis, numbers, lambda index: np.take(index[part], [0], axis))]


@rule("ScatterElements", integers=True)
def scatter_elements(scope: SymbolTable, node: Node) -> Result:
    """Numbers put, or added, at their own places along an axis; of several at one place the last one stays.

    A computed place that is none refuses the step.
    """
    node.only("reduction", "none", "add")
    added, program = node.attribute("reduction", "none") == "add", scope.program
    value, numbers, updates = (scope.input(node, k) for k in range(3))
    axis = int(node.attribute("axis", 0)) % len(value.shape)
    length, count = value.shape[axis], numbers.shape[axis]
    if value.shape[:axis] + value.shape[axis + 1 :] != numbers.shape[:axis] + numbers.shape[axis + 1 :]:
        node.refuse(f"places {numbers.shape} in {value.shape}: expected all of them along the other axes")
    if count > _MOST_SCATTERED:
        node.refuse(f"{count} places along an axis: expected at most {_MOST_SCATTERED}")
    given = plain(program.materialized(numbers, packed=True, fresh=True))
    if numbers.shape and given.view is not None and given.view.buffer.size:
        program.refuses = True
        program.emit(CheckRange(given.view.buffer, -length, length - 1))
    every = [length if at == axis else 1 for at in range(len(value.shape))]
    places = program.constant(np.arange(length, dtype=np.int64).reshape(every))
    from_end = program.constant(np.arange(-length, 0, dtype=np.int64).reshape(every))
    for k in range(count):
        one, update = (each.rearranged(partial(np.take, indices=[k], axis=axis)) for each in (given, updates))
        here = combined(scope, "or", [combined(scope, "equal", [one, at], INT) for at in (places, from_end)], INT)
        new = combined(scope, _SUM[value.kind], [value, update], value.kind) if added else update
        value = combined(scope, "select", [here, new, value], value.kind)
    return [value]


@rule("TopK", integers=True)
def largest(scope: SymbolTable, node: Node) -> Result:
    """A constant number of the largest or smallest in order; of equal ones the first place, NaN above all numbers."""
    node.only("sorted", 1)
    value, program = scope.input(node, 0), scope.program
    axis = int(node.attribute("axis", -1)) % len(value.shape)
    count, first = int(scope.array(node, 1, "k").item()), bool(node.attribute("largest", 1))
    length = value.shape[axis]
    if not 0 <= count <= length:
        node.refuse(f"k = {count} of {length} numbers: expected 0 to {length}")
    moved = value.rearranged(lambda index: np.moveaxis(index, axis, -1))
    shape = (*moved.shape[:-1], count)
    values, places = program.new(shape, value.kind), program.new(shape, INT)
    if values.buffer.size:
        rows = program.materialized(moved, packed=True)
        begin, size = int(rows.index.flat[0]), values.buffer.size // count
        program.emit(Choose(size, length, count, first, rows.buffer, begin, values.buffer, places.buffer))
    return [plain(one).rearranged(lambda index: np.moveaxis(index, -1, axis)) for one in (values, places)]
