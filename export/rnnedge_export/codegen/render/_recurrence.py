"""Recurrent layers; the equations of the cells stand in `c/cells.h`."""

from __future__ import annotations

from rnnedge_export.codegen._ir.gemm import Gemm
from rnnedge_export.codegen._ir.recurrence import Recurrence
from rnnedge_export.codegen.render._addresses import Addresses
from rnnedge_export.codegen.render._expressions import number
from rnnedge_export.codegen.render._gemm import gemm
from rnnedge_export.codegen.render._text import Code, turns


def recurrence(code: Code, one: Recurrence, at: Addresses) -> None:
    """All frames times W; then frame after frame the states times R, and the equations of every sequence."""
    with code.loops([turns(*loop[:2]) for loop in one.project.out.loops]):
        gemm(code, one.project, at)
    with code.block():
        code.line(f"const float *h = {at.pointer(*one.hidden_at)};")
        with code.block(turns("k", one.frames)):
            _frame(code, one, at)


def _frame(code: Code, one: Recurrence, at: Addresses) -> None:
    hidden, width, batch = one.hidden, one.width, one.batch
    code.line(f"const int t = {f'{one.frames - 1} - k' if one.backward else 'k'};")
    if one.frames > 1 and any(product and product.matrix.swept for product in (one.advance, one.candidate)):
        code.line("const int turn = k & 1;")
    code.line(f"const float *x = {at.pointer(one.projected, 0, f't * {batch * width}')};")
    gemm(code, one.advance, at)
    code.line(f"const float *g = {at.pointer(one.gates)};")
    if one.candidate is not None:
        _reset(code, one, one.candidate, at)
    first = one.direction * batch * hidden
    code.line(f"float *y = {at.pointer(one.result, first, f't * {one.directions * batch * hidden}')};")
    code.line("const float *const begin = y;")
    steps = f"x += {width}, g += {width}, h += {hidden}, y += {hidden}"
    with code.block(f"for (int b = 0; b < {batch}; b++, {steps})"):
        code.line(_units(one, at))
    code.line("h = begin;")


def _reset(code: Code, one: Recurrence, candidate: Gemm, at: Addresses) -> None:
    """The states times their reset gate, and the product of these."""
    assert one.reset is not None
    with code.block(turns("b", one.batch)):
        x, g, h = (f"{name} + b * {step}" for name, step in (("x", one.width), ("g", one.width), ("h", one.hidden)))
        to = at.pointer(one.reset, 0, f"b * {one.hidden}")
        code.line(f"gru_reset_units({one.hidden}, {x}, {g}, {h}, {number(one.clip)}, {to});")
    gemm(code, candidate, at)


def _units(one: Recurrence, at: Addresses) -> str:
    """The equations of the cell, which most networks have without a clip."""
    units, clip = one.hidden, "" if one.plain else f", {number(one.clip)}"
    how = "" if one.plain else "_within"
    if one.cell == "RNN":
        return f"rnn_units_of_{one.activation}{how}({units}, g{clip}, y);"
    if one.cell == "GRU":
        how = "_after_reset" if one.candidate is not None else how
        return f"gru_units{how}({units}, x, g, h{clip}, y);"
    assert one.cell_at is not None
    peepholes = "" if one.peepholes is None else f", {at.pointer(one.peepholes)}"
    return f"lstm_units{how}({units}, g{peepholes}{clip}, {at.pointer(*one.cell_at, f'b * {units}')}, y);"
