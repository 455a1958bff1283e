"""Recurrent layers; the equations of the cells stand in `c/cells.h`."""

from __future__ import annotations

from rnnedge_export.codegen._ir.recurrence import Recurrence
from rnnedge_export.codegen.render._addresses import Addresses
from rnnedge_export.codegen.render._gemm import gemm
from rnnedge_export.codegen.render._text import Code, turns


def recurrence(code: Code, one: Recurrence, at: Addresses) -> None:
    """All frames times W; then frame after frame the states times R, and the equations of every sequence."""
    with code.block(turns("t", one.frames)):
        gemm(code, one.project, at)
    with code.block():
        code.line(f"const float *h = {at.pointer(*one.hidden_at)};")
        with code.block(turns("k", one.frames)):
            _frame(code, one, at)


def _frame(code: Code, one: Recurrence, at: Addresses) -> None:
    hidden, width, batch = one.hidden, one.width, one.batch
    code.line(f"const int t = {f'{one.frames - 1} - k' if one.backward else 'k'};")
    code.line(f"const float *x = {at.pointer(one.projected, 0, f't * {batch * width}')};")
    gemm(code, one.advance, at)
    code.line(f"const float *g = {at.pointer(one.gates)};")
    first = one.direction * batch * hidden
    code.line(f"float *y = {at.pointer(one.result, first, f't * {one.directions * batch * hidden}')};")
    code.line("const float *const begin = y;")
    steps = f"x += {width}, g += {width}, h += {hidden}, y += {hidden}"
    with code.block(f"for (int b = 0; b < {batch}; b++, {steps})"):
        if one.cell == "LSTM":
            assert one.cell_at is not None
            code.line(f"lstm_units({hidden}, g, {at.pointer(*one.cell_at, f'b * {hidden}')}, y);")
        elif one.cell == "GRU":
            code.line(f"gru_units({hidden}, x, g, h, y);")
        else:
            code.line(f"rnn_units_of_{one.activation}({hidden}, g, y);")
    code.line("h = begin;")
