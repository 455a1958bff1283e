"""Pruned weights of the matrix kernel: only the groups that are not zero, as `render/c/sparse.h` reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnedge_export.codegen._ir.program import Program
from rnnedge_export.codegen._ir.tensors import Array, Buffer

# A group and the number of its row are dearer than a group among its neighbours.
_MOST_KEPT = 0.75
# Of fewer bytes all are read as soon as some.
_LEAST_BYTES = 1 << 14
# Numbers of rows have 16 bits.
_MOST_ROWS = 1 << 16
_LINE = 64


@dataclass(frozen=True)
class Groups:
    """Where they stand, and how many there are: vectors of adjacent columns of a row."""

    buffer: Buffer
    count: int


def groups(program: Program, weights: Array, split: int) -> Groups | None:
    """Put those of weights (K, N) among the program's constants; None where too few of them are zeros, or all are few.

    `split`: so many rows are read by the first taps, the others by the second ones.
    """
    depth, columns = weights.shape
    if depth > _MOST_ROWS or (weights.nbytes < _LEAST_BYTES and not program.weights.compact):
        return None
    lanes = program.lanes
    padded = np.zeros((depth, -(-columns // lanes) * lanes), np.float32)
    padded[:, :columns] = weights
    panels = padded.reshape(depth, -1, lanes).swapaxes(0, 1)
    kept = (panels != 0).any(axis=2)
    if kept.mean() > _MOST_KEPT:
        return None
    panel, row = np.nonzero(kept)
    heads = np.zeros(2 * len(panels) + 1, "<i4")
    heads[1::2] = np.cumsum(kept.sum(axis=1)) - kept[:, split:].sum(axis=1)
    heads[2::2] = np.cumsum(kept.sum(axis=1))
    numbers = np.where(row < split, row, row - split).astype("<u2")
    parts = (_lines(part) for part in (heads, numbers, panels[panel, row].astype("<f4")))
    return Groups(program.weights.bytes(np.concatenate([*parts])), len(row))


def _lines(array: Array) -> Array:
    """Its bytes, filled up to whole lines of the cache."""
    raw = np.frombuffer(array.tobytes(), np.int8)
    return np.pad(raw, (0, -len(raw) % _LINE))
