"""Numbers that are chosen within a frame by what is computed."""

from __future__ import annotations

import numpy as np

from rnnedge_export.codegen._ir.loops import nest
from rnnedge_export.codegen._ir.places import PickAlong
from rnnedge_export.codegen._ir.tensors import Array, Index, View, plain
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._registry import Result, rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable


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
    target = program.new(numbers.shape, value.kind)
    if not target.buffer.size:
        return [plain(target)]
    if not length:
        node.refuse("places along an axis of length 0: expected at least one number to choose from")
    source, given = program.materialized(value), program.materialized(numbers)
    along = source.strides()
    first = np.broadcast_to(np.take(source.index[part], [0], axis), numbers.shape)
    extents, (write, read, here) = nest(numbers.shape, [target, given, View(source.buffer, first)])
    program.refuses = True
    stride = along[1][axis] if along else 0
    program.emit(PickAlong(extents, write, read, here, stride, length))
    return [plain(target)]
