"""Reductions: axes of a tensor folded by sum, product, largest or smallest."""

from __future__ import annotations

from dataclasses import dataclass

from rnnedge_export.codegen._ir.expressions import Expression, Literal
from rnnedge_export.codegen._ir.loops import Access
from rnnedge_export.codegen._ir.statements import Checked
from rnnedge_export.codegen._ir.tensors import FLOAT, Span


@dataclass(frozen=True)
class Reducer:
    """How two numbers become one, and what the first one becomes one with; of floats and of whole numbers."""

    function: str
    integer_function: str
    first: float
    integer_first: int

    def of(self, kind: str) -> tuple[str, Literal]:
        """The function and the first number for a kind."""
        if kind == FLOAT:
            return self.function, Literal(self.first)
        return self.integer_function, Literal(self.integer_first)


SUM = Reducer("add", "whole_sum", 0.0, 0)
PRODUCT = Reducer("multiply", "whole_product", 1.0, 1)
LARGEST = Reducer("larger", "whole_larger", float("-inf"), -(2**63))
SMALLEST = Reducer("smaller", "whole_smaller", float("inf"), 2**63 - 1)


@dataclass(frozen=True, eq=False)
class Reduction(Checked):
    """`write`, which stands still along folded axes, becomes one number of what `expression` makes of `reads`.

    `lanes`: partial results of a loop along memory, which are folded at the end; 1: none.
    """

    extents: tuple[int, ...]
    write: Access
    reads: tuple[Access, ...]
    expression: Expression
    reducer: Reducer
    kind: str
    lanes: int

    def touched(self) -> tuple[Span, ...]:
        """All that it reads and writes."""
        return tuple(access.span(self.extents) for access in (*self.reads, self.write))

    def folds(self, axis: int) -> bool:
        """Whether an axis is folded."""
        return self.write.strides[axis] == 0
