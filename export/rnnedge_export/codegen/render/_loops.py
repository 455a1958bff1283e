"""Element-wise loops, copies and rows of tables."""

from __future__ import annotations

from rnnedge_export.codegen._ir.loops import Loop
from rnnedge_export.codegen._ir.places import Choose, PickAlong
from rnnedge_export.codegen._ir.statements import CheckRange, Clear, GatherRows, TableCopy
from rnnedge_export.codegen._ir.tensors import FLOAT
from rnnedge_export.codegen.render._addresses import Addresses
from rnnedge_export.codegen.render._expressions import expression, number
from rnnedge_export.codegen.render._text import Code, turns


def loop(code: Code, one: Loop, at: Addresses) -> None:
    """The innermost loop may be turned into vectors, since no turn needs what another one writes."""
    heads = [turns(f"i{k}", extent) for k, extent in enumerate(one.extents)]
    with code.loops(heads, independent=bool(heads) and one.extents[-1] > 1):
        for part in one.assignments:
            code.line(f"{at.access(part.write)} = {expression(part.expression, [*map(at.access, part.reads)])};")


def clear(code: Code, one: Clear, at: Addresses) -> None:
    """Zeros."""
    first = at.pointer(one.target)
    code.line(f"memset({first}, 0, {one.count} * sizeof *({first}));")


def table_copy(code: Code, one: TableCopy, at: Addresses) -> None:
    """Element after element through a table of places."""
    with code.block(turns("i", one.count)):
        code.line(f"const int place = PLACES_{one.table}[i];")
        found = at.element(one.source, 0, "place")
        code.line(f"{at.element(one.target, 0, 'i')} = {f'place < 0 ? 0 : {found}' if one.padded else found};")


def gather_rows(code: Code, one: GatherRows, at: Addresses) -> None:
    """Rows of a table."""
    numbers, table, y = at.pointer(one.numbers, one.first), at.pointer(one.table), at.pointer(one.target)
    code.line(f"stream->refused |= gather_rows({one.count}, {numbers}, {table}, {one.rows}, {one.width}, {y});")


def pick_along(code: Code, one: PickAlong, at: Addresses) -> None:
    """Elements along an axis."""
    with code.block():
        code.line("int none = 0;")
        with code.loops([turns(f"i{k}", extent) for k, extent in enumerate(one.extents)]):
            code.line(f"const int64_t place = place_of({at.access(one.numbers)}, {one.length}, &none);")
            code.line(f"{at.access(one.write)} = {at.access(one.source, f'place * {one.stride}')};")
        code.line("stream->refused |= none;")


def choose(code: Code, one: Choose, at: Addresses) -> None:
    """The first of every row in order."""
    numbers = at.pointer(one.numbers, one.first, f"i * {one.length}")
    values, places = (at.pointer(buffer, 0, f"i * {one.count}") for buffer in (one.values, one.places))
    function = "choose_first" if one.numbers.kind == FLOAT else "whole_choose_first"
    with code.block(turns("i", one.rows)):
        code.line(f"{function}({one.length}, {numbers}, {one.count}, {values}, {places}, {int(one.largest)});")


def check_range(code: Code, one: CheckRange, at: Addresses) -> None:
    """Numbers of an input that the source did not take."""
    with code.block(turns("i", one.numbers.size)):
        found = at.element(one.numbers, 0, "i")
        code.line(f"stream->refused |= {found} < {number(one.low)} || {found} > {number(one.high)};")
