"""Weights of one byte and less in panels, as `c/narrow.h` reads them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnnedge_export.codegen._ir.program import Program
from rnnedge_export.codegen._ir.tensors import Array, Buffer, Span

# Columns of a panel.
PANEL = 32
_ROWS = 2
# From here on weights do not stay in the caches near a core, see `matrix`.
_SWEPT_BYTES = 1 << 18


def panels_of(weights: Array) -> Array:
    """int8 weights (K, N) as (panels, ceil(K / 4), PANEL * 4): four numbers of every column side by side."""
    depth, columns = weights.shape
    padded = np.pad(weights, ((0, -depth % 4), (0, -columns % PANEL)))
    cut = padded.reshape(-1, 4, padded.shape[1] // PANEL, PANEL)
    return np.ascontiguousarray(cut.transpose(2, 0, 3, 1)).reshape(cut.shape[2], -1, PANEL * 4)


def kind_of(weights: Array) -> str:
    """Which sums of c/narrow.h are exact for uint8 times these int8 weights (K, N)."""
    wide = np.pad(weights.astype(np.int32), ((0, len(weights) % 2), (0, 0)))
    # x86 adds two neighbours in 16 bits, which saturate; the worst x are 255 wherever the signs agree.
    pairs = wide.reshape(-1, 2, wide.shape[1])
    highest, lowest = np.maximum(pairs, 0).sum(1), np.minimum(pairs, 0).sum(1)
    if highest.max(initial=0) * 255 < 1 << 15 and lowest.min(initial=0) * 255 >= -(1 << 15):
        return "SMALL"
    return "GENERAL" if weights.min(initial=0) > -128 else "ANY"


class Bytes:
    """Panels among the program's constants, and the loops over them."""

    def __init__(self, program: Program, panels: Array, columns: int) -> None:
        """`panels` (panels, ...) int8 of `columns` columns."""
        self.columns, self.panels = columns, len(panels)
        self.panel_bytes = panels[0].size
        self.buffer = program.weights.bytes(panels)
        program.weights.integer_products = True

    def at(self, panel: str) -> str:
        """C of the address of the panel that begins with column `panel`."""
        return f"{self.buffer.address} + (long){panel} * {self.panel_bytes // PANEL}"

    @property
    def swept(self) -> bool:
        """Whether the direction alternates from step to step."""
        return self.panels > 1 and self.panels * self.panel_bytes >= _SWEPT_BYTES

    def emit(self, program: Program, code: str, target: Buffer, *touched: Span) -> None:
        """Append what `sweep` wrote, which writes `target` and touches no more than these spans."""
        if self.swept:
            program.sweep(code, target, *touched)
        else:
            program.emit(code, *touched)

    def sweep(self, rows: int, call: Callable[[int, str, str, str], str]) -> str:
        """`call` with how many rows, the first row, the first column and how many columns, for everything."""

        def all_rows(panel: str, width: str) -> str:
            text, whole = "", rows // _ROWS * _ROWS
            if whole:
                text += f"for (int r = 0; r < {whole}; r += {_ROWS}) {call(_ROWS, 'r', panel, width)}\n"
            return text + (call(1, str(whole), panel, width) + "\n" if whole < rows else "")

        full = self.columns // PANEL
        tail = all_rows(str(full * PANEL), str(self.columns % PANEL)) if self.columns % PANEL else ""
        if full < 2:
            return (all_rows("0", str(PANEL)) if full else "") + tail
        at = f"(turn ? {full - 1} - n : n) * {PANEL}" if self.swept else f"n * {PANEL}"
        body = all_rows("panel", str(PANEL))
        return f"for (int n = 0; n < {full}; n++) {{\nconst int panel = {at};\n{body}}}\n{tail}"
