"""Elements by places that are computed."""

from __future__ import annotations

from dataclasses import dataclass

from rnnedge_export.codegen._ir.loops import Access
from rnnedge_export.codegen._ir.statements import Checked
from rnnedge_export.codegen._ir.tensors import Span


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
