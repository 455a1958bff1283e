"""Where the buffers of a program stand: two that are never needed at the same time may share their place."""

from __future__ import annotations

from dataclasses import dataclass

from rnnedge_export.codegen._ir.program import Program
from rnnedge_export.codegen._ir.tensors import BYTE, FLOAT, INT, SLACK, TOKEN, Buffer

_ALIGNED = 16
# Bytes stand among the floats.
_ADDRESSES = {FLOAT: "(A + {})", BYTE: "((uint8_t *)(A + {}))", INT: "(I + {})"}


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
        for name in {buffer.address for buffer in statement.buffers()} | set(TOKEN.findall(texts[number])):
            first, _ = lives.get(name, (number, number))
            lives[name] = (first, number)
    ends = {}
    places: dict[str, int] = {}
    for whole in (False, True):
        own = [buffer for buffer in program.buffers if (buffer.kind == INT) == whole and buffer.address in lives]
        ends[whole] = _place(own, lives, places)
    names = {
        buffer.address: _ADDRESSES[buffer.kind].format(places[buffer.address])
        for buffer in program.buffers
        if buffer.address in places
    }
    code = "\n".join(TOKEN.sub(lambda found: names[found.group()], text) for text in texts)
    return Arena(code, ends[False] + SLACK, ends[True])


def _place(buffers: list[Buffer], lives: dict[str, tuple[int, int]], places: dict[str, int]) -> int:
    """Fill `places`; returns the end of all."""
    taken: list[tuple[int, int, int, int]] = []
    for buffer in sorted(buffers, key=lambda one: lives[one.address][0]):
        first, last = lives[buffer.address]
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
        places[buffer.address] = at
    return max((end for _, end, _, _ in taken), default=0)
