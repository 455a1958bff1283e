"""Weights of one byte and less in panels, as `render/c/narrow.h` reads them."""

from __future__ import annotations

import numpy as np

from rnnedge_export.codegen._ir.program import Program
from rnnedge_export.codegen._ir.qgemm import PANEL, BlockProduct, ByteProduct, Panels
from rnnedge_export.codegen._ir.tensors import Array
from rnnedge_export.codegen.lower._gemm import SWEPT_BYTES


def panels_of(weights: Array) -> Array:
    """int8 weights (K, N) as (panels, ceil(K / 4), PANEL * 4): four numbers of every column side by side."""
    depth, columns = weights.shape
    padded = np.pad(weights, ((0, -depth % 4), (0, -columns % PANEL)))
    cut = padded.reshape(-1, 4, padded.shape[1] // PANEL, PANEL)
    return np.ascontiguousarray(cut.transpose(2, 0, 3, 1)).reshape(cut.shape[2], -1, PANEL * 4)


def kind_of(weights: Array) -> str:
    """Which sums of render/c/narrow.h are exact for uint8 times these int8 weights (K, N)."""
    wide = np.pad(weights.astype(np.int32), ((0, len(weights) % 2), (0, 0)))
    # x86 adds two neighbours in 16 bits, which saturate; the worst x are 255 wherever the signs agree.
    pairs = wide.reshape(-1, 2, wide.shape[1])
    highest, lowest = np.maximum(pairs, 0).sum(1), np.minimum(pairs, 0).sum(1)
    if highest.max(initial=0) * 255 < 1 << 15 and lowest.min(initial=0) * 255 >= -(1 << 15):
        return "SMALL"
    return "GENERAL" if weights.min(initial=0) > -128 else "ANY"


def packed_bytes(program: Program, panels: Array, columns: int) -> Panels:
    """Put `panels` (panels, ...) int8 of `columns` columns among the program's constants."""
    size = int(panels[0].size)
    program.weights.integer_products = True
    swept = len(panels) > 1 and len(panels) * size >= SWEPT_BYTES
    return Panels(program.weights.bytes(panels), columns, len(panels), size, swept)


def emit_product(program: Program, product: ByteProduct | BlockProduct) -> None:
    """Append a product, as a sweep if the direction is to alternate."""
    if product.weights.swept:
        program.sweep(product, product.target)
    else:
        program.emit(product)
