"""Calls of the kernels of narrow numbers."""

from __future__ import annotations

from collections.abc import Callable

from rnnedge_export.codegen._ir.qgemm import PANEL, BlockProduct, ByteProduct, Panels, RoundBlocks
from rnnedge_export.codegen.render._addresses import Addresses
from rnnedge_export.codegen.render._gemm import panels
from rnnedge_export.codegen.render._text import Code, turns

_ROWS = 2
# Writes how many rows, the first row, the first column and how many columns as a call.
_Call = Callable[[int, str, str, int], str]


def _sweep(code: Code, weights: Panels, rows: int, call: _Call) -> None:
    def all_rows(panel: str, width: int) -> None:
        whole = rows // _ROWS * _ROWS
        if whole:
            with code.block(turns("r", whole, _ROWS)):
                code.line(call(_ROWS, "r", panel, width))
        if whole < rows:
            code.line(call(1, str(whole), panel, width))

    full, rest = divmod(weights.columns, PANEL)
    if full > 1:
        panels(code, full, PANEL, weights.swept, lambda panel: all_rows(panel, PANEL))
    elif full:
        all_rows("0", PANEL)
    if rest:
        all_rows(str(full * PANEL), rest)


def _panel(weights: Panels, at: Addresses, panel: str) -> str:
    return at.pointer(weights.buffer, 0, f"(long) {panel} * {weights.bytes // PANEL}")


def byte_product(code: Code, one: ByteProduct, at: Addresses) -> None:
    """Rows of uint8 times int8."""
    columns = one.weights.columns

    def call(count: int, row: str, panel: str, width: int) -> str:
        x = at.pointer(one.source, one.offset, f"{row} * {one.row}")
        sums, scales = at.pointer(one.sums, 0, f"4 * {panel}"), at.pointer(one.scales, 0, panel)
        bias, y = at.pointer(one.bias, 0, panel), at.pointer(one.target, 0, f"{row} * {columns}", panel)
        return (
            f"byte_product({count}, {one.kind}, {x}, {one.row}, {one.groups}, {_panel(one.weights, at, panel)}, "
            f"{one.zero}, {sums}, {scales}, {bias}, {y}, {columns}, {width});"
        )

    _sweep(code, one.weights, one.rows, call)


def round_blocks(code: Code, one: RoundBlocks, at: Addresses) -> None:
    """Rows of float32 as blocks of int8."""
    with code.block(turns("r", one.rows)):
        x = at.pointer(one.source, one.offset, f"r * {one.row}")
        blocks = at.pointer(one.target, 0, f"r * {one.blocks * one.block}")
        facts = at.pointer(one.facts, 0, f"r * {2 * one.blocks}")
        code.line(f"round_blocks({x}, {one.step}, {one.depth}, {one.block}, {blocks}, {facts});")


def block_product(code: Code, one: BlockProduct, at: Addresses) -> None:
    """Rows of blocks times blocks of 8 or 4 bits."""
    columns, size = one.weights.columns, one.blocks * one.block

    def call(count: int, row: str, panel: str, width: int) -> str:
        x, facts = at.pointer(one.source, 0, f"{row} * {size}"), at.pointer(one.facts, 0, f"{row} * {2 * one.blocks}")
        scales, bias = at.pointer(one.scales, 0, f"{panel} * {one.blocks}"), at.pointer(one.bias, 0, panel)
        y = at.pointer(one.target, 0, f"{row} * {columns}", panel)
        return (
            f"block_product({count}, BLOCKS{one.bits}, {x}, {facts}, {one.blocks}, {one.block}, "
            f"{_panel(one.weights, at, panel)}, {scales}, {bias}, {y}, {columns}, {width});"
        )

    _sweep(code, one.weights, one.rows, call)
