"""Where the buffers of a program stand: two that are never needed at the same time may share their place."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rnnedge_export.native.program import Program
from rnnedge_export.native.values import FLOAT, Buffer

_ALIGNED = 16
# What may be read beyond a buffer: a panel of the matrix kernel with the widest vectors.
SLACK = 32
_TOKEN = re.compile(r"@\d+@")


@dataclass(frozen=True)
class Arena:
    """C of the statements with all addresses in place, and how many floats and integers they work in."""

    code: str
    floats: int
    integers: int


def plan(program: Program) -> Arena:
    """Give every buffer of the program a place: the first that is free while it lives."""
    lives: dict[str, tuple[int, int]] = {}
    texts = [statement.text() for statement in program.statements]
    for number, statement in enumerate(program.statements):
        for name in {buffer.address for buffer in statement.buffers()} | set(_TOKEN.findall(texts[number])):
            first, _ = lives.get(name, (number, number))
            lives[name] = (first, number)
    ends = {}
    places: dict[str, int] = {}
    for kind in sorted({buffer.kind for buffer in program.buffers}):
        own = [buffer for buffer in program.buffers if buffer.kind == kind and buffer.address in lives]
        ends[kind] = _place(own, lives, places)
    names = {
        buffer.address: f"({'A' if buffer.kind == FLOAT else 'I'} + {places[buffer.address]})"
        for buffer in program.buffers
        if buffer.address in places
    }
    code = "\n".join(_TOKEN.sub(lambda found: names[found.group()], text) for text in texts)
    return Arena(code, ends.get(FLOAT, 0) + SLACK, sum(end for kind, end in ends.items() if kind != FLOAT))


def _place(buffers: list[Buffer], lives: dict[str, tuple[int, int]], places: dict[str, int]) -> int:
    """Fill `places`; returns the end of all."""
    taken: list[tuple[int, int, int, int]] = []
    for buffer in sorted(buffers, key=lambda one: lives[one.address][0]):
        first, last = lives[buffer.address]
        size = -(-max(buffer.size, 1) // _ALIGNED) * _ALIGNED
        at = 0
        for start, end, since, until in sorted(taken):
            if until < first or last < since:
                continue
            if at + size <= start:
                break
            at = max(at, end)
        taken.append((at, at + size, first, last))
        places[buffer.address] = at
    return max((end for _, end, _, _ in taken), default=0)
