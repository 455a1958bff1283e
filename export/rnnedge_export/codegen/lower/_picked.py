"""Elements by computed places along an axis."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnnedge_export.codegen._ir.loops import nest
from rnnedge_export.codegen._ir.places import PickAlong
from rnnedge_export.codegen._ir.program import Program
from rnnedge_export.codegen._ir.tensors import Index, Tensor, View, plain


def picked(program: Program, value: Tensor, axis: int, numbers: Tensor, first: Callable[[Index], Index]) -> Tensor:
    """One element for each of `numbers`, in a buffer of its own; `first` gives what each takes at place 0."""
    source, given = program.materialized(value), program.materialized(numbers)
    target = program.new(numbers.shape, value.kind)
    start = np.broadcast_to(first(source.index), numbers.shape)
    extents, (write, read, here) = nest(numbers.shape, [target, given, View(source.buffer, start)])
    along = source.strides()
    assert along
    program.refuses = True
    program.emit(PickAlong(extents, write, read, here, along[1][axis], value.shape[axis]))
    return plain(target)
