"""The program under construction: its buffers, its constants and its statements in order."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rnnedge_export.codegen._ir.expressions import Literal, origins
from rnnedge_export.codegen._ir.loops import Assignment, Loop, nest
from rnnedge_export.codegen._ir.statements import Alternating, Clear, Statement, TableCopy
from rnnedge_export.codegen._ir.strided_copies import pieces
from rnnedge_export.codegen._ir.tensors import (
    FLOAT,
    INT,
    Array,
    Buffer,
    Memory,
    Tensor,
    View,
    affine,
    permuted,
    plain,
    whole,
)
from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.codegen._nodes.limits import MOST_STATEMENTS, MOST_TERMS, check_most


@dataclass(frozen=True, eq=False)
class Step:
    """A statement and the nodes that it is of."""

    statement: Statement
    origin: tuple[str, ...]


@dataclass(eq=False)
class Program:
    """Statements of one step for `batch` sequences, over buffers of its own, with vectors of `lanes` floats.

    `refuses`: a statement may find numbers that nothing can be computed from. `origin` is the node that is lowered.
    """

    batch: int
    lanes: int
    weights: Weights
    steps: list[Step] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    refuses: bool = False
    origin: tuple[str, ...] = ()
    written: int = 0
    terms: int = 0

    # Buffers

    def buffer(self, size: int, kind: str = FLOAT) -> Buffer:
        """A buffer that lives from the first statement that touches it to the last one."""
        self.buffers.append(Buffer(Memory.WORK, None, size, kind))
        return self.buffers[-1]

    def new(self, shape: tuple[int, ...], kind: str = FLOAT, order: tuple[int, ...] | None = None) -> View:
        """A buffer of its own as a tensor."""
        return whole(self.buffer(int(np.prod(shape, dtype=np.int64)), kind), shape, order)

    def constant(self, array: Array) -> Tensor:
        """Numbers of the graph: a literal where they are all equal, else among the weights."""
        kind = FLOAT if array.dtype.kind == "f" else INT
        if array.size and np.array_equal(array, np.full_like(array, array.flat[0])):
            one = Literal.float32(float(array.flat[0])) if kind == FLOAT else Literal(int(array.flat[0]))
            return Tensor(one, (), array.shape, kind)
        flat = np.ascontiguousarray(array).ravel()
        return plain(whole(self.weights.floats(flat) if kind == FLOAT else self.weights.integers(flat), array.shape))

    # Statements

    def emit(self, statement: Statement) -> None:
        """Append a statement."""
        self.count()
        self.steps.append(Step(statement, self.origin))

    def count(self) -> None:
        """One more statement; raises `TooLarge` if there are too many."""
        self.written += 1
        check_most("statements", self.written, MOST_STATEMENTS)

    def sweep(self, statement: Statement, target: Buffer) -> None:
        """Append a sweep over large weights that writes `target`, and runs backwards in every second step."""
        self.count()
        last = self.steps[-1] if self.steps else None
        joined = last.statement.joined(statement, target) if last and isinstance(last.statement, Alternating) else None
        self._append(joined, Alternating((statement,), (target,)), self.origin)

    def _append(self, joined: Statement | None, statement: Statement, origin: tuple[str, ...]) -> None:
        """The last statement becomes `joined`, or `statement` follows it."""
        if joined is None:
            self.steps.append(Step(statement, origin))
        else:
            self.steps[-1] = Step(joined, tuple(dict.fromkeys([*self.steps[-1].origin, *origin])))

    def store(self, tensor: Tensor, target: View) -> None:
        """Write every element of a tensor where `target`, affine, says."""
        self.count()
        aside = any(v.buffer is target.buffer and not np.array_equal(v.index, target.index) for v in tensor.views)
        if aside:
            tensor = plain(self.materialized(tensor, fresh=True))
        tensor = self.strided(tensor)
        self.terms += tensor.expression.terms
        check_most("terms of expressions", self.terms, MOST_TERMS)
        extents, (write, *reads) = nest(tensor.shape, [target, *tensor.views])
        loop = Loop(extents, (Assignment(write, tensor.expression, tuple(reads)),))
        last = self.steps[-1].statement if self.steps else None
        joined = last.joined(loop) if isinstance(last, Loop) else None
        self._append(joined, loop, origins(tensor.expression) or self.origin)

    def strided(self, tensor: Tensor) -> Tensor:
        """The same tensor with every view affine: what is padded or scattered is copied."""
        views = tuple(v if affine(v.index) is not None else self.materialized(plain(v)) for v in tensor.views)
        return Tensor(tensor.expression, views, tensor.shape, tensor.kind, tensor.costly)

    def materialized(self, tensor: Tensor, *, packed: bool = False, fresh: bool = False) -> View:
        """The tensor in memory, affine; `packed`: as an array in C order; `fresh`: in a buffer of its own."""
        view = tensor.view
        if view is not None and not fresh:
            strides = affine(view.index)
            if strides is not None and (not packed or _in_order(view)):
                return view
        order = None
        if tensor.views and not packed:
            order = permuted(max((v.index for v in tensor.views), key=lambda index: len(np.unique(index))))
        target = self.new(tensor.shape, tensor.kind, order)
        if view is not None:
            self.copy(view, target)
        else:
            self.store(tensor, target)
        return target

    def copy(self, source: View, target: View) -> None:
        """Copy a view to all of a buffer; what is not affine as zeros and a few affine pieces, or through a table."""
        if affine(source.index) is not None:
            self.store(plain(source), target)
            return
        parts = pieces(source.index, target.index)
        if parts is not None:
            if (source.index < 0).any():
                self.emit(Clear(target.buffer, target.index.size))
            for read, write in parts:
                self.store(plain(View(source.buffer, read)), View(target.buffer, write))
            return
        table = source.index.ravel()[np.argsort(target.index.ravel())]
        places = self.weights.places(table)
        self.emit(TableCopy(source.buffer, target.buffer, places, table.size, bool(table.min() < 0)))


def _in_order(view: View) -> bool:
    """Whether a pointer to the first number is all that C needs: not where the caller's numbers have another width."""
    if view.buffer.dtype not in ("", view.buffer.kind):
        return False
    first = int(view.index.flat[0]) if view.index.size else 0
    return bool(np.array_equal(view.index.ravel(), np.arange(first, first + view.index.size)))
