"""Statements of a step that no other file of this package has; each says which spans of buffers it touches.

A statement is made of sizes and places only. No span leaves its buffer (see `Span`), so that a statement that could
leave one cannot be made, whatever the rules and the file say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rnnedge_export.codegen._ir.tensors import Buffer, Span


@runtime_checkable
class Statement(Protocol):
    """Something that a step does."""

    def touched(self) -> tuple[Span, ...]:
        """All that it reads and writes."""
        ...


class Checked:
    """A statement whose spans are compared with their buffers when it is made."""

    def __post_init__(self) -> None:
        """Every span stays inside its buffer."""
        self.touched()

    def touched(self) -> tuple[Span, ...]:
        """All that it reads and writes."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Clear(Checked):
    """The first `count` numbers of a buffer become zero."""

    target: Buffer
    count: int

    def touched(self) -> tuple[Span, ...]:
        """What becomes zero."""
        return (Span(self.target, 0, ((self.count, 1),)),)


@dataclass(frozen=True, eq=False)
class TableCopy(Checked):
    """target[i] = source[table[i]], or zero if that is negative: `padded` says that there are such places."""

    source: Buffer
    target: Buffer
    table: int
    count: int
    padded: bool

    def touched(self) -> tuple[Span, ...]:
        """All of the source: the table was made from offsets of a view of it."""
        return Span(self.source, 0, ((self.source.size, 1),)), Span(self.target, 0, ((self.count, 1),))


@dataclass(frozen=True, eq=False)
class GatherRows(Checked):
    """`count` rows of a table (rows, width), by numbers that are computed.

    A negative number counts from the end. One that names no row refuses the step.
    """

    numbers: Buffer
    first: int
    count: int
    table: Buffer
    rows: int
    width: int
    target: Buffer

    def touched(self) -> tuple[Span, ...]:
        """The numbers, the table and the result."""
        return (
            Span(self.numbers, self.first, ((self.count, 1),)),
            Span(self.table, 0, ((self.rows, self.width), (self.width, 1))),
            Span(self.target, 0, ((self.count, self.width), (self.width, 1))),
        )


@dataclass(frozen=True, eq=False)
class CheckRange(Checked):
    """A number of an input below `low` or above `high` refuses the step, which goes on with it."""

    numbers: Buffer
    low: int
    high: int

    def touched(self) -> tuple[Span, ...]:
        """All numbers."""
        return (Span(self.numbers, 0, ((self.numbers.size, 1),)),)


@dataclass(frozen=True, eq=False)
class Alternating:
    """Sweeps over large weights that need nothing of each other, and write one buffer each.

    In every second step the last one comes first, and each runs backwards: what a step has read last is what the caches
    still hold.
    """

    sweeps: tuple[Statement, ...]
    written: tuple[Buffer, ...]

    def touched(self) -> tuple[Span, ...]:
        """All that they read and write."""
        return tuple(span for one in self.sweeps for span in one.touched())

    def joined(self, sweep: Statement, target: Buffer) -> Alternating | None:
        """One more, if it neither reads nor writes what these write, nor writes what these read."""
        mine, others = buffers_of(self), buffers_of(sweep)
        if target in mine or set(self.written) & set(others):
            return None
        return Alternating((*self.sweeps, sweep), (*self.written, target))


def buffers_of(statement: Statement) -> tuple[Buffer, ...]:
    """The buffers of its spans, each once."""
    return tuple(dict.fromkeys(span.buffer for span in statement.touched()))
