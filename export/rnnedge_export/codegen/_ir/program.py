"""The program under construction: its buffers, its constants and its statements in order."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rnnedge_export.codegen._ir.loops import Loop, nest
from rnnedge_export.codegen._ir.strided_copies import pieces
from rnnedge_export.codegen._ir.tensors import (
    FLOAT,
    INT,
    TOKEN,
    Array,
    Buffer,
    Span,
    Tensor,
    View,
    affine,
    all_of,
    permuted,
    plain,
    whole,
)
from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.codegen._limits import MOST_STATEMENTS, check_most


@dataclass(frozen=True, eq=False)
class Block:
    """C text, and the buffers that it touches."""

    code: str
    touched: tuple[Buffer, ...]

    def text(self) -> str:
        """As C."""
        return self.code

    def buffers(self) -> tuple[Buffer, ...]:
        """All that it touches."""
        return self.touched


@dataclass(frozen=True, eq=False)
class Sweeps:
    """Sweeps over large weights that need nothing of each other: C text of each, and the buffers that they touch.

    In every second step (`turn`) the last one comes first, and each runs backwards: what a step has read last is what
    the caches still hold.
    """

    codes: tuple[str, ...]
    written: tuple[Buffer, ...]
    touched: tuple[Buffer, ...]

    def text(self) -> str:
        """As C, each once."""
        last = len(self.codes) - 1
        if not last:
            return self.codes[0]
        cases = "\n".join(f"case {k}: {{\n{code}\nbreak;\n}}" for k, code in enumerate(self.codes))
        return f"for (int s = 0; s <= {last}; s++) switch (turn ? {last} - s : s) {{\n{cases}\n}}"

    def buffers(self) -> tuple[Buffer, ...]:
        """All that they touch."""
        return self.touched

    def joined(self, code: str, target: Buffer, touched: tuple[Buffer, ...]) -> Sweeps | None:
        """One more, where it neither reads nor writes what these write, nor writes what these read."""
        if target in self.touched or set(self.written) & set(touched):
            return None
        return Sweeps((*self.codes, code), (*self.written, target), (*self.touched, *touched))


@dataclass(eq=False)
class Program:
    """Statements of one step for `batch` sequences, over buffers of its own, with vectors of `lanes` floats.

    `refuses`: a statement may find numbers that nothing can be computed from, and says so by `stream->refused`.
    """

    batch: int
    lanes: int
    weights: Weights
    statements: list[Loop | Block | Sweeps] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    refuses: bool = False
    written: int = 0

    # Buffers

    def buffer(self, size: int, kind: str = FLOAT) -> Buffer:
        """A buffer that lives from the first statement that touches it to the last one."""
        self.buffers.append(Buffer(f"@{len(self.buffers)}@", size, kind))
        return self.buffers[-1]

    def new(self, shape: tuple[int, ...], kind: str = FLOAT, order: tuple[int, ...] | None = None) -> View:
        """A buffer of its own as a tensor."""
        return whole(self.buffer(int(np.prod(shape, dtype=np.int64)), kind), shape, order)

    def constant(self, array: Array) -> Tensor:
        """Numbers of the graph: a literal where they are all equal, else among the weights."""
        kind = FLOAT if array.dtype.kind == "f" else INT
        if array.size and np.array_equal(array, np.full_like(array, array.flat[0])):
            return Tensor(_literal(array.flat[0], kind), (), array.shape, kind)
        flat = np.ascontiguousarray(array).ravel()
        return plain(whole(self.weights.floats(flat) if kind == FLOAT else self.weights.integers(flat), array.shape))

    # Statements

    def emit(self, code: str, *touched: Span) -> None:
        """Append C text that touches no more than these spans."""
        self.count()
        self.statements.append(Block(code, _buffers(code, touched)))

    def count(self) -> None:
        """One more statement; raises `TooLarge` where there are too many."""
        self.written += 1
        check_most("statements", self.written, MOST_STATEMENTS)

    def sweep(self, code: str, target: Buffer, *touched: Span) -> None:
        """Append C text of a sweep over large weights that writes `target`, and runs backwards in every second step.

        `touched` is all that it reads and writes.
        """
        self.count()
        buffers = _buffers(code, touched)
        last = self.statements[-1] if self.statements else None
        joined = last.joined(code, target, buffers) if isinstance(last, Sweeps) else None
        if joined is not None:
            self.statements[-1] = joined
        else:
            self.statements.append(Sweeps((code,), (target,), buffers))

    def store(self, tensor: Tensor, target: View) -> None:
        """Write every element of a tensor where `target`, affine, says."""
        self.count()
        aside = any(v.buffer is target.buffer and not np.array_equal(v.index, target.index) for v in tensor.views)
        if aside:
            tensor = plain(self.materialized(tensor, fresh=True))
        tensor = self.strided(tensor)
        extents, (write, *reads) = nest(tensor.shape, [target, *tensor.views])
        values = [access.text() for access in reads]
        line = f"{write.text()} = {tensor.template.format(*values)};"
        loop = Loop(extents, (line,), tuple(reads), (write,))
        last = self.statements[-1] if self.statements else None
        joined = last.joined(loop) if isinstance(last, Loop) else None
        if joined is not None:
            self.statements[-1] = joined
        else:
            self.statements.append(loop)

    def strided(self, tensor: Tensor) -> Tensor:
        """The same tensor with every view affine: what is padded or scattered is copied."""
        views = tuple(v if affine(v.index) is not None else self.materialized(plain(v)) for v in tensor.views)
        return Tensor(tensor.template, views, tensor.shape, tensor.kind, tensor.costly)

    def materialized(self, tensor: Tensor, *, packed: bool = False, fresh: bool = False) -> View:
        """The tensor in memory, affine; `packed`: in C order without gaps; `fresh`: in a buffer of its own."""
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
                size = f"{target.index.size} * sizeof *{target.buffer.address}"
                self.emit(
                    f"memset({target.buffer.address}, 0, {size});", Span(target.buffer, 0, ((target.index.size, 1),))
                )
            for read, write in parts:
                self.store(plain(View(source.buffer, read)), View(target.buffer, write))
            return
        table = source.index.ravel()[np.argsort(target.index.ravel())]
        places = self.weights.places(table)
        found = f"{source.buffer.address}[at]"
        value = f"at < 0 ? 0 : {found}" if table.min() < 0 else found
        self.emit(
            f"for (int i = 0; i < {table.size}; i++) {{ int at = {places}[i]; {target.buffer.address}[i] = {value}; }}",
            # The table was made from offsets of the view.
            all_of(source.buffer),
            Span(target.buffer, 0, ((table.size, 1),)),
        )


def _buffers(code: str, touched: tuple[Span, ...]) -> tuple[Buffer, ...]:
    """The buffers of spans, without which none of the program's own may stand in the text."""
    buffers = tuple({id(span.buffer): span.buffer for span in touched}.values())
    unsaid = set(TOKEN.findall(code)) - {buffer.address for buffer in buffers}
    assert not unsaid, f"no span of {unsaid} in {code}"
    return buffers


def _in_order(view: View) -> bool:
    first = int(view.index.flat[0]) if view.index.size else 0
    return bool(np.array_equal(view.index.ravel(), np.arange(first, first + view.index.size)))


def _literal(value: float | int, kind: str) -> str:
    """A number in C, exact."""
    if kind == INT:
        return f"INT64_C({int(value)})" if int(value) != -(2**63) else "INT64_MIN"
    number = float(value)
    if np.isnan(number):
        return "NOT_A_NUMBER"
    if np.isinf(number):
        return "INFINITE" if number > 0 else "(-INFINITE)"
    text = f"{number:.9g}"
    text = text if any(mark in text for mark in ".e") else f"{text}.0"
    return f"{text}f" if number >= 0 else f"({text}f)"
