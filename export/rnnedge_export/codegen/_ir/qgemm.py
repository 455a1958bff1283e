"""Products with int8 and int4 weights: what one call of the kernels of narrow numbers reads and writes."""

from __future__ import annotations

from dataclasses import dataclass

from rnnedge_export.codegen._ir.statements import Checked
from rnnedge_export.codegen._ir.tensors import Buffer, Span, all_of

# Columns of a panel.
PANEL = 32


@dataclass(frozen=True, eq=False)
class Panels:
    """Packed weights of `columns` columns: `count` panels of `bytes` each. `swept`: as of `PackedMatrix`."""

    buffer: Buffer
    columns: int
    count: int
    bytes: int
    swept: bool

    @property
    def padded(self) -> int:
        """Columns of all panels."""
        return self.columns + -self.columns % PANEL

    def span(self) -> Span:
        """All of them."""
        return Span(self.buffer, 0, ((self.count, self.bytes), (self.bytes, 1)))


@dataclass(frozen=True, eq=False)
class ByteProduct(Checked):
    """y = (x - zero) w scale + bias, for `rows` rows of uint8 x that begin `row` apart.

    `kind` says which sums are exact, `sums` are those of the columns of w.
    """

    kind: str
    rows: int
    depth: int
    source: Buffer
    offset: int
    row: int
    zero: int
    weights: Panels
    sums: Buffer
    scales: Buffer
    bias: Buffer
    target: Buffer

    @property
    def groups(self) -> int:
        """Groups of four numbers of a row."""
        return -(-self.depth // 4)

    def touched(self) -> tuple[Span, ...]:
        """The rows, whose last group may end beyond them, the weights and the result."""
        padded, columns = self.weights.padded, self.weights.columns
        return (
            Span(self.source, self.offset, ((self.rows, self.row), (4 * self.groups, 1)), beyond=True),
            Span(self.target, 0, ((self.rows, columns), (columns, 1))),
            *(Span(one, 0, ((padded, 1),)) for one in (self.scales, self.bias)),
            Span(self.sums, 0, ((4 * padded, 1),)),
            self.weights.span(),
        )


@dataclass(frozen=True, eq=False)
class RoundBlocks(Checked):
    """Rows of `depth` float32 numbers `step` apart as blocks of int8; `facts`: scale and sum of every block."""

    rows: int
    depth: int
    block: int
    blocks: int
    source: Buffer
    offset: int
    row: int
    step: int
    target: Buffer
    facts: Buffer

    def touched(self) -> tuple[Span, ...]:
        """The rows, and both results."""
        used = -(-self.depth // self.block)
        return (
            Span(self.source, self.offset, ((self.rows, self.row), (self.depth, self.step))),
            Span(self.target, 0, ((self.rows, self.blocks * self.block), (used * self.block, 1))),
            Span(self.facts, 0, ((self.rows, 2 * self.blocks), (2 * used, 1))),
        )


@dataclass(frozen=True, eq=False)
class BlockProduct(Checked):
    """y = x w + bias, for rows of rounded blocks; every block of a row and of a column has a scale of its own."""

    bits: int
    rows: int
    block: int
    blocks: int
    source: Buffer
    facts: Buffer
    weights: Panels
    scales: Buffer
    bias: Buffer
    target: Buffer

    def touched(self) -> tuple[Span, ...]:
        """The rows, the weights and the result."""
        padded, columns = self.weights.padded, self.weights.columns
        return (
            all_of(self.source),
            all_of(self.facts),
            Span(self.target, 0, ((self.rows, columns), (columns, 1))),
            Span(self.scales, 0, ((self.blocks * padded, 1),)),
            Span(self.bias, 0, ((padded, 1),)),
            self.weights.span(),
        )
