"""Where the buffers of a program stand: two that are never needed at the same time may share their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rnnedge_export.codegen._ir.program import Program
from rnnedge_export.codegen._ir.statements import buffers_of
from rnnedge_export.codegen._ir.tensors import BYTE, INT, SLACK, Buffer, Memory

_ALIGNED = 16


@dataclass(frozen=True)
class MemoryPlan:
    """Where each buffer begins, and how many floats and integers a step works in. Bytes stand among the floats."""

    places: Mapping[Buffer, int]
    floats: int
    integers: int

    def with_room_for(self, other: MemoryPlan) -> MemoryPlan:
        """The same places, in memory that is enough for `other` too."""
        return MemoryPlan(self.places, max(self.floats, other.floats), max(self.integers, other.integers))


def plan_memory(program: Program) -> MemoryPlan:
    """Give every buffer of the program a place: the first that is free while it lives."""
    lives: dict[Buffer, tuple[int, int]] = {}
    for number, step in enumerate(program.steps):
        for buffer in buffers_of(step.statement):
            if buffer.memory is Memory.WORK:
                first, _ = lives.get(buffer, (number, number))
                lives[buffer] = (first, number)
    used = [buffer for buffer in program.buffers if buffer in lives]
    places: dict[Buffer, int] = {}
    floats = _place([buffer for buffer in used if buffer.kind != INT], lives, places)
    integers = _place([buffer for buffer in used if buffer.kind == INT], lives, places)
    return MemoryPlan(places, floats + SLACK, integers)


def _place(buffers: Sequence[Buffer], lives: Mapping[Buffer, tuple[int, int]], places: dict[Buffer, int]) -> int:
    """Fill `places`; returns the end of all."""
    taken: list[tuple[int, int, int, int]] = []
    for buffer in sorted(buffers, key=lambda one: lives[one][0]):
        first, last = lives[buffer]
        size = -(-buffer.size // 4) if buffer.kind == BYTE else buffer.size
        size = -(-max(size, 1) // _ALIGNED) * _ALIGNED
        at = 0
        for start, end, since, until in sorted(taken):
            if until < first or last < since:
                continue
            if at + size <= start:
                break
            at = max(at, end)
        taken.append((at, at + size, first, last))
        places[buffer] = at
    return max((end for _, end, _, _ in taken), default=0)
