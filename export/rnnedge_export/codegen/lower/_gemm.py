"""Calls of the one matrix kernel (`c/product.h`): weights packed into panels, rows in blocks, any number of taps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnedge_export.codegen._ir.program import Program
from rnnedge_export.codegen._ir.tensors import Array, Buffer, OutOfBuffer, Span, Tensor, View, affine

# Vectors of a panel: with six rows they take twelve of the sixteen registers that most processors have.
VECTORS = 2
_ROWS = 6
# Partial sums of one row, so that an addition need not wait for the one before.
_SUMS = 4
# From here on float32 weights are slower to fetch than narrow ones are to widen.
_NARROW_BYTES = 1 << 16
# From here on weights do not stay in the caches near a core from step to step, so that every second sweep is reversed.
_SWEPT_BYTES = 1 << 18


# A loop around a call: its variable in C, its turns, and the elements from one turn to the next.
Loop = tuple[str, int, int]


def _shift(loops: Sequence[Loop]) -> str:
    """C of what the loops add to an offset."""
    return "".join(f" + {variable} * {step}" for variable, _, step in loops if step)


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
    loops: tuple[Loop, ...] = ()

    @property
    def depth(self) -> int:
        """How many numbers there are."""
        return self.counts[0] * self.counts[1] * self.counts[2]

    def text(self, shift: str) -> str:
        """As C, `shift` elements further on."""
        counts, steps = (", ".join(map(str, values)) for values in (self.counts, self.steps))
        at = f"{self.buffer.address} + {self.offset}{_shift(self.loops)}{shift}"
        return f"(taps){{{at}, {self.row}, {{{counts}}}, {{{steps}}}}}"

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
    loops: tuple[Loop, ...] = ()

    def text(self, shift: str = "") -> str:
        """As C, `shift` elements further on."""
        return f"{self.buffer.address} + {self.offset}{_shift(self.loops)}{shift}"

    def span(self, rows: int, columns: int, *, beyond: bool = False) -> Span:
        """What `rows` rows of `columns` numbers are; `beyond` as in `Span`."""
        around = ((turns, step) for _, turns, step in self.loops)
        return Span(self.buffer, self.offset, ((rows, self.row), (columns, 1), *around), beyond)


def flat(buffer: Buffer, offset: int, row: int, step: int, depth: int) -> Taps:
    """A row of a matrix."""
    return Taps(buffer, offset, row, (1, 1, depth), (0, 0, step))


def rows_of(program: Program, tensor: Tensor, *, steps: bool = True) -> tuple[View, int, int, int]:
    """The last axis of a tensor, for every row of the others, in memory.

    Returns where it is, the offset of the first number, and how far rows and numbers of a row stand apart; `steps`
    False: numbers side by side.
    """
    depth = tensor.shape[-1]
    rows = int(np.prod(tensor.shape[:-1], dtype=np.int64))
    view = program.materialized(tensor)
    found = affine(view.index.reshape(rows, depth))
    if found is None or (not steps and depth > 1 and found[1][1] != 1):
        view = program.materialized(tensor, packed=True, fresh=not steps)
        found = affine(view.index.reshape(rows, depth))
    assert found is not None
    offset, (row, step) = found
    return view, offset, row, step


class Matrix:
    """Weights (K, N) as panels (K, `VECTORS` * lanes), padded with zeros, with their bias.

    Large ones that bfloat16 holds without a loss are kept as that, and so are int8 ones with a scale for each column.
    """

    def __init__(self, program: Program, weights: Array, bias: Array, scales: Array | None = None) -> None:
        """Put them among the program's constants; int8 ones with `scales` (N,)."""
        if scales is None:
            weights = np.ascontiguousarray(weights, np.float32)
        self.program = program
        self.width = VECTORS * program.lanes
        self.depth, self.columns = weights.shape
        self.panels = -(-self.columns // self.width)
        program.weights.check_room(self.depth * self.panels * self.width * (4 if scales is None else 1))
        padded = np.zeros((self.depth, self.panels * self.width), np.float32 if scales is None else np.int8)
        padded[:, : self.columns] = weights
        panels = padded.reshape(self.depth, self.panels, self.width).swapaxes(0, 1)
        self.scales = "0"
        if scales is not None:
            self.kind, self.bytes, self.buffer = "WHOLES", 1, program.weights.bytes(panels)
            # LESS of c/product.h.
            self.scales = program.weights.floats(np.pad(scales * 2.0**24, (0, -len(scales) % self.width))).address
        elif narrow_enough(program, weights.nbytes) and not (weights.view(np.uint32) & 0xFFFF).any():
            self.kind, self.bytes, self.buffer = "HALVES", 2, program.weights.bytes(_halves(panels, program.lanes))
        else:
            self.kind, self.bytes, self.buffer = "FLOATS", 4, program.weights.floats(panels)
        self.bias = Place(program.weights.floats(np.pad(bias.astype(np.float32), (0, -len(bias) % self.width))), 0, 0)

    @property
    def swept(self) -> bool:
        """Whether the direction alternates from step to step."""
        return bool(self.panels > 1 and self.depth * self.panels * self.width * self.bytes >= _SWEPT_BYTES)

    def call(self, rows: int, taps: Sequence[Taps], start: Place | None, out: Place) -> tuple[str, tuple[Span, ...]]:
        """C that computes `rows` rows of the product from all of `taps`, one or two, and what it touches."""
        if sum(one.depth for one in taps) != self.depth or len(taps) > 2:
            raise OutOfBuffer(f"{sum(one.depth for one in taps)} numbers for weights of {self.depth} rows")
        start = start or self.bias
        reads = start.span(rows, self.panels * self.width, beyond=True)
        spans = (*(one.span(rows) for one in taps), reads, out.span(rows, self.columns))
        return (self._text(rows, taps, start, out) if rows else ""), spans

    def _text(self, rows: int, taps: Sequence[Taps], start: Place, out: Place) -> str:
        many = rows >= 2
        most = _ROWS * (2 if self.program.lanes == 16 else 1)
        # Alike, so that none is so small that its additions wait for each other.
        block = -(-rows // -(-rows // most)) if many else 1
        sums = 1 if many else _SUMS
        last = self.columns - (self.panels - 1) * self.width

        def one(row: str, count: int, panel: str, width: str) -> str:
            steps = [f" + {row} * {tap.row}" if row else "" for tap in taps]
            reads = [tap.text(step) for tap, step in zip(taps, steps, strict=True)]
            reads += ["NO_TAPS"] * (2 - len(reads))
            begin = start.text(f" + {panel}" + (f" + {row} * {start.row}" if row else ""))
            end = out.text(f" + {panel}" + (f" + {row} * {out.row}" if row else ""))
            at = f"{panel} * {self.depth * self.bytes // (4 if self.kind == 'FLOATS' else 1)}"
            scale = self.scales if self.scales == "0" else f"{self.scales} + {panel}"
            return (
                f"product({self.kind}, {count}, {sums}, {reads[0]}, {reads[1]}, {self.buffer.address} + {at}, {scale}, "
                f"{begin}, {start.row}, {end}, {out.row}, {width});"
            )

        def all_rows(panel: str, width: str) -> str:
            text = ""
            if rows // block > 1:
                text += f"for (int r = 0; r < {rows // block * block}; r += {block}) {one('r', block, panel, width)}\n"
            else:
                text += one("", block, panel, width) + "\n"
            if rows % block:
                text += one(str(rows // block * block), rows % block, panel, width) + "\n"
            return text

        width = str(self.width)
        if self.panels == 1:
            return all_rows("0", str(last))
        full = self.panels if last == self.width else self.panels - 1
        at = f"(turn ? {full - 1} - n : n) * {width}" if self.swept else f"n * {width}"
        tail = "" if full == self.panels else all_rows(str(full * self.width), str(last))
        if full == 1:
            return all_rows("0", width) + tail
        return f"for (int n = 0; n < {full}; n++) {{\nconst int panel = {at};\n{all_rows('panel', width)}}}\n{tail}"


def narrow_enough(program: Program, float_bytes: int) -> bool:
    """Whether to keep weights narrow that are so in the file, and would have so many bytes in float32."""
    return program.weights.compact or float_bytes >= _NARROW_BYTES


def _halves(panels: Array, lanes: int) -> Array:
    """The upper halves of float32 panels (..., 2 * lanes), as c/product.h reads them."""
    high = np.asarray(panels.view(np.uint32) >> 16, "<u4")
    return np.ascontiguousarray(high[..., :lanes] | high[..., lanes:] << 16).view(np.int8)
