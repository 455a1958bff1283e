"""Weights of the matrix kernel (`render/c/product.h`) packed into panels, and what multiplies them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnnedge_export.codegen._ir.gemm import VECTORS, Gemm, PackedMatrix, Place, Taps
from rnnedge_export.codegen._ir.program import Program
from rnnedge_export.codegen._ir.tensors import Array, Buffer, Tensor, View, affine
from rnnedge_export.codegen.lower._sparse import groups

# From here on float32 weights are slower to fetch than narrow ones are to widen.
_NARROW_BYTES = 1 << 16
# From here on weights do not stay in the caches near a core from step to step, so that every second sweep is reversed.
SWEPT_BYTES = 1 << 18
# The same from frame to frame within a call, of the cache nearest to a core.
_SWEPT_BYTES_OF_FRAMES = 1 << 15


def packed(
    program: Program, weights: Array, bias: Array, scales: Array | None = None, *, split: int | None = None
) -> PackedMatrix:
    """Put weights (K, N) and their bias (N,) among the program's constants; int8 ones with `scales` (N,).

    Large ones that bfloat16 holds without a loss are kept as that, and so are int8 ones with a scale for each column.
    Of large ones in float32 that were pruned only the groups that are not zero are kept: where `split` says how many
    rows the first taps read, whose numbers are those of a row, as are those of the second ones.
    """
    if scales is None:
        weights = np.ascontiguousarray(weights, np.float32)
    depth, columns = weights.shape
    width = VECTORS * program.lanes
    count = -(-columns // width)
    program.weights.check_room(depth * count * width * (4 if scales is None else 1))
    padded = np.zeros((depth, count * width), np.float32 if scales is None else np.int8)
    padded[:, :columns] = weights
    panels = padded.reshape(depth, count, width).swapaxes(0, 1)
    start = Place(program.weights.floats(np.pad(bias.astype(np.float32), (0, -len(bias) % width))), 0, 0)
    if scales is None and split is not None:
        found = groups(program, weights, split)
        if found is not None:
            program.weights.sparse = True
            swept, width = 4 * found.count * program.lanes >= SWEPT_BYTES, program.lanes
            return PackedMatrix("SPARSE", 4, found.buffer, None, start, depth, columns, width, program.lanes, swept)
    kind, size, buffer = _kept(program, weights, panels, scales)
    factors = None
    if scales is not None:
        # LESS of render/c/product.h.
        factors = program.weights.floats(np.pad(scales * 2.0**24, (0, -len(scales) % width)))
    swept = count > 1 and depth * count * width * size >= SWEPT_BYTES
    return PackedMatrix(kind, size, buffer, factors, start, depth, columns, width, program.lanes, swept)


def of_frames(matrix: PackedMatrix, frames: int) -> PackedMatrix:
    """The same for a product of every frame: what the last panels have left in a cache is read first by the next one.

    Within a call of several the direction alternates from frame to frame.
    """
    size = matrix.depth * matrix.panels * matrix.width * matrix.bytes
    return matrix if frames == 1 else replace(matrix, swept=matrix.panels > 1 and size >= _SWEPT_BYTES_OF_FRAMES)


def _kept(program: Program, weights: Array, panels: Array, scales: Array | None) -> tuple[str, int, Buffer]:
    """How the panels stand in memory, and how many bytes a weight has."""
    if scales is not None:
        return "WHOLES", 1, program.weights.bytes(panels)
    if narrow_enough(program, weights.nbytes) and not (weights.view(np.uint32) & 0xFFFF).any():
        return "HALVES", 2, program.weights.bytes(_halves(panels, program.lanes))
    return "FLOATS", 4, program.weights.floats(panels)


def gemm(matrix: PackedMatrix, rows: int, taps: tuple[Taps, ...], start: Place | None, out: Place) -> Gemm:
    """`rows` rows of the product, which start from the bias or from `start`."""
    return Gemm(matrix, rows, taps, start or matrix.bias, out)


def rows_of(program: Program, tensor: Tensor, *, steps: bool = True) -> tuple[View, int, int, int]:
    """The last axis of a tensor, for every row of the others, in memory.

    Returns where it is, the offset of the first number, and how far rows and numbers of a row stand apart; `steps`
    False: numbers side by side.
    """
    depth = tensor.shape[-1]
    rows = int(np.prod(tensor.shape[:-1], dtype=np.int64))
    view = program.materialized(tensor)
    found = affine(view.index.reshape(rows, depth))
    if found is None or (not steps and depth > 1 and found[1][1] != 1):
        view = program.materialized(tensor, packed=True, fresh=not steps)
        found = affine(view.index.reshape(rows, depth))
    assert found is not None
    offset, (row, step) = found
    return view, offset, row, step


def narrow_enough(program: Program, float_bytes: int) -> bool:
    """Whether to keep weights narrow that are so in the file, and would have that many bytes in float32."""
    return program.weights.compact or float_bytes >= _NARROW_BYTES


def _halves(panels: Array, lanes: int) -> Array:
    """The upper halves of float32 panels (..., 2 * lanes), as render/c/product.h reads them."""
    high = np.asarray(panels.view(np.uint32) >> 16, "<u4")
    return np.ascontiguousarray(high[..., :lanes] | high[..., lanes:] << 16).view(np.int8)
