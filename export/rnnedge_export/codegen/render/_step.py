"""The statements of a step in order, each with the nodes that it is of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnedge_export.codegen._ir.convolution import DepthwiseConvolution, Nest, OverlapAdd
from rnnedge_export.codegen._ir.gemm import Gemm, MatMul
from rnnedge_export.codegen._ir.loops import Loop
from rnnedge_export.codegen._ir.places import Choose, PickAlong
from rnnedge_export.codegen._ir.qgemm import BlockProduct, ByteProduct, RoundBlocks
from rnnedge_export.codegen._ir.recurrence import Recurrence
from rnnedge_export.codegen._ir.reductions import Reduction
from rnnedge_export.codegen._ir.statements import (
    Alternating,
    CheckRange,
    Clear,
    GatherRows,
    Statement,
    TableCopy,
    buffers_of,
)
from rnnedge_export.codegen._ir.step_program import StepProgram
from rnnedge_export.codegen._nodes.limits import MOST_LETTERS, check_most
from rnnedge_export.codegen.render import _convolution, _gemm, _loops, _qgemm, _recurrence, _reductions
from rnnedge_export.codegen.render._addresses import Addresses
from rnnedge_export.codegen.render._text import Code, of_nodes, turns

_RENDERERS: dict[type, Callable[[Code, Any, Addresses], None]] = {
    BlockProduct: _qgemm.block_product,
    ByteProduct: _qgemm.byte_product,
    CheckRange: _loops.check_range,
    Choose: _loops.choose,
    Clear: _loops.clear,
    DepthwiseConvolution: _convolution.depthwise,
    GatherRows: _loops.gather_rows,
    Gemm: _gemm.gemm,
    Loop: _loops.loop,
    MatMul: _gemm.matmul,
    OverlapAdd: _convolution.overlap_add,
    PickAlong: _loops.pick_along,
    Recurrence: _recurrence.recurrence,
    Reduction: _reductions.reduction,
    RoundBlocks: _qgemm.round_blocks,
    TableCopy: _loops.table_copy,
}


def step(code: Code, program: StepProgram, addresses: Addresses) -> None:
    """All statements; raises `TooLarge` if they are more text than a compiler should get."""
    origin: tuple[str, ...] = ()
    before = code.letters
    for one in program.steps:
        if one.origin != origin:
            code.blank()
            code.comment(of_nodes(one.origin))
            origin = one.origin
        addresses.within(buffers_of(one.statement))
        statement(code, one.statement, addresses)
        check_most("letters of code", code.letters - before, MOST_LETTERS)


def statement(code: Code, one: Statement, addresses: Addresses) -> None:
    """Any statement."""
    if isinstance(one, Nest):
        _convolution.nest(code, one, addresses, statement)
    elif isinstance(one, Alternating):
        _alternating(code, one, addresses)
    else:
        _RENDERERS[type(one)](code, one, addresses)


def _alternating(code: Code, one: Alternating, addresses: Addresses) -> None:
    """Each once, the last one first in every second step."""
    last = len(one.sweeps) - 1
    if not last:
        statement(code, one.sweeps[0], addresses)
        return
    with code.block(turns("s", last + 1)), code.block(f"switch (turn ? {last} - s : s)"):
        for k, sweep in enumerate(one.sweeps):
            with code.block(f"case {k}:"):
                statement(code, sweep, addresses)
                code.line("break;")
