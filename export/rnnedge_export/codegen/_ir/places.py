"""Elements by places that are computed, and places of elements."""

from __future__ import annotations

from dataclasses import dataclass

from rnnedge_export.codegen._ir.loops import Access
from rnnedge_export.codegen._ir.statements import Checked
from rnnedge_export.codegen._ir.tensors import Buffer, Span


@dataclass(frozen=True, eq=False)
class PickAlong(Checked):
    """`write` becomes the element of `source` that is `numbers` steps of `stride` further on.

    A negative number counts from the end of the `length` places. One that names no place refuses the step.
    """

    extents: tuple[int, ...]
    write: Access
    numbers: Access
    source: Access
    stride: int
    length: int

    def touched(self) -> tuple[Span, ...]:
        """The numbers, every place of the source, and the result."""
        there = self.source.span(self.extents)
        every = Span(there.buffer, there.offset, (*there.axes, (self.length, self.stride)))
        return every, self.numbers.span(self.extents), self.write.span(self.extents)


@dataclass(frozen=True, eq=False)
class Choose(Checked):
    """The first `count` of each row of `length` numbers, largest or smallest first, and their places within the row.

    All rows, of which `numbers` has the first at `first`, stand one after the other in memory.
    """

    rows: int
    length: int
    count: int
    largest: bool
    numbers: Buffer
    first: int
    values: Buffer
    places: Buffer

    def touched(self) -> tuple[Span, ...]:
        """The rows, and both results."""
        chosen = ((self.rows, self.count), (self.count, 1))
        given = Span(self.numbers, self.first, ((self.rows, self.length), (self.length, 1)))
        return given, Span(self.values, 0, chosen), Span(self.places, 0, chosen)
