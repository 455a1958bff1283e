"""Products with constant weights: what one call of the matrix kernel reads and writes."""

from __future__ import annotations

from dataclasses import dataclass

from rnnedge_export.codegen._ir.statements import Checked
from rnnedge_export.codegen._ir.tensors import Buffer, OutOfBuffer, Span

# Vectors of a panel: with six rows they take twelve of the sixteen registers that most processors have.
VECTORS = 2
# A loop around a call: its variable, its turns, and the elements from one turn to the next.
Turns = tuple[str, int, int]


@dataclass(frozen=True)
class Taps:
    """What a row reads: `counts` numbers `steps` apart along three nested axes, from `offset` + row * `row`.

    `loops` are those around the call, which move all of it.
    """

    buffer: Buffer
    offset: int
    row: int
    counts: tuple[int, int, int]
    steps: tuple[int, int, int]
    loops: tuple[Turns, ...] = ()

    @property
    def depth(self) -> int:
        """How many numbers there are."""
        return self.counts[0] * self.counts[1] * self.counts[2]

    def span(self, rows: int) -> Span:
        """What `rows` rows read."""
        nested = zip(self.counts, self.steps, strict=True)
        around = ((turns, step) for _, turns, step in self.loops)
        return Span(self.buffer, self.offset, ((rows, self.row), *nested, *around))


@dataclass(frozen=True)
class Place:
    """Rows of numbers in a buffer: from `offset` + row * `row`; `loops` are those around the call, which move it."""

    buffer: Buffer
    offset: int
    row: int
    loops: tuple[Turns, ...] = ()

    def span(self, rows: int, columns: int, *, beyond: bool = False) -> Span:
        """What `rows` rows of `columns` numbers are; `beyond` as in `Span`."""
        around = ((turns, step) for _, turns, step in self.loops)
        return Span(self.buffer, self.offset, ((rows, self.row), (columns, 1), *around), beyond)


def flat(buffer: Buffer, offset: int, row: int, step: int, depth: int) -> Taps:
    """A row of a matrix."""
    return Taps(buffer, offset, row, (1, 1, depth), (0, 0, step))


@dataclass(frozen=True, eq=False)
class PackedMatrix:
    """Weights (depth, columns) as panels (depth, width), each of `width` columns, padded with zeros, and their bias.

    `kind`: FLOATS, HALVES (bfloat16) or WHOLES (int8, with `scales` of the columns), of `bytes` each; SPARSE: floats in
    panels of one vector, without the groups that are zeros.
    """

    kind: str
    bytes: int
    buffer: Buffer
    scales: Buffer | None
    bias: Place
    depth: int
    columns: int
    width: int
    lanes: int
    # Whether the direction alternates from step to step; in a recurrence of several frames, from frame to frame.
    swept: bool

    @property
    def panels(self) -> int:
        """How many there are."""
        return -(-self.columns // self.width)


@dataclass(frozen=True, eq=False)
class Gemm(Checked):
    """out = start + taps times the matrix, for `rows` rows; one or two taps, one after the other along the depth."""

    matrix: PackedMatrix
    rows: int
    taps: tuple[Taps, ...]
    start: Place
    out: Place

    def touched(self) -> tuple[Span, ...]:
        """What it reads and writes; the weights are never written, and stay."""
        matrix = self.matrix
        depth = sum(one.depth for one in self.taps)
        if depth != matrix.depth or len(self.taps) > 2:
            raise OutOfBuffer(f"{depth} numbers for weights of {matrix.depth} rows")
        reads = self.start.span(self.rows, matrix.panels * matrix.width, beyond=True)
        return (*(one.span(self.rows) for one in self.taps), reads, self.out.span(self.rows, matrix.columns))


@dataclass(frozen=True, eq=False)
class MatMul(Checked):
    """Two computed matrices: y (m, n) = a (m, depth) b (depth, n), for every index of the axes `lead`.

    `a` and `b` say where they begin, and how far apart elements stand along `lead` and the two axes of the matrix.
    """

    lead: tuple[int, ...]
    m: int
    depth: int
    n: int
    a: tuple[Buffer, int, tuple[int, ...]]
    b: tuple[Buffer, int, tuple[int, ...]]
    target: Buffer

    def touched(self) -> tuple[Span, ...]:
        """Both matrices, and the result."""
        spans = []
        for (buffer, offset, steps), sizes in ((self.a, (self.m, self.depth)), (self.b, (self.depth, self.n))):
            spans.append(Span(buffer, offset, tuple(zip((*self.lead, *sizes), steps, strict=True))))
        return (*spans, Span(self.target, 0, ((self.target.size, 1),)))
