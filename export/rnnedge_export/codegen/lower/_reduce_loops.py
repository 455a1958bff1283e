"""Reduction loops: axes of a tensor folded by sum, product, largest or smallest."""

from __future__ import annotations

import numpy as np

from rnnedge_export.codegen._ir.loops import nest
from rnnedge_export.codegen._ir.reductions import Reducer, Reduction
from rnnedge_export.codegen._ir.tensors import FLOAT, Tensor, View, plain
from rnnedge_export.codegen.lower._symbol_table import SymbolTable


def folded(scope: SymbolTable, tensor: Tensor, axes: tuple[int, ...], reducer: Reducer) -> Tensor:
    """The tensor with length 1 along `axes`, not negative; in a buffer of its own."""
    program = scope.program
    kept = tuple(1 if axis in axes else length for axis, length in enumerate(tensor.shape))
    target = program.new(kept, tensor.kind)
    if 0 in tensor.shape:
        program.store(Tensor(reducer.of(tensor.kind)[1], (), kept, tensor.kind), target)
        return plain(target)
    if not tensor.views or not tensor.arithmetic:
        tensor = plain(program.materialized(tensor))
    tensor = program.strided(tensor)
    result = View(target.buffer, np.broadcast_to(target.index, tensor.shape))
    extents, (*reads, write) = nest(tensor.shape, [*tensor.views, result])
    # Float order is kept by the compiler, so a loop along memory adds up in several partial results, which are vectors.
    along = tensor.kind == FLOAT and all(access.strides[-1:] in ((), (0,), (1,)) for access in reads)
    lanes = program.lanes if along else 1
    program.emit(Reduction(extents, write, tuple(reads), tensor.expression, reducer, tensor.kind, lanes))
    return plain(target)
