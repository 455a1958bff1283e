"""A scattered copy as a few affine ones."""

from __future__ import annotations

import numpy as np

from rnnedge_export.codegen._ir.tensors import Index, affine

_MOST = 32
_LONGEST_AXIS = 8


def pieces(source: Index, target: Index) -> list[tuple[Index, Index]] | None:
    """Pairs of affine indices that copy all of `source` that is not padding to `target`; None where it takes many."""
    found: list[tuple[Index, Index]] = []
    return found if _cut(source, target, found) and len(found) <= _MOST else None


def _cut(source: Index, target: Index, found: list[tuple[Index, Index]]) -> bool:
    if not (source >= 0).any():
        return True
    if len(found) > _MOST:
        return False
    if source.min() < 0:
        # The smallest box around what is no padding.
        box = np.ix_(*[np.unique(places) for places in np.nonzero(source >= 0)])
        inner, outer = source[box], target[box]
    else:
        inner, outer = source, target
    if affine(inner) is not None and affine(outer) is not None:
        found.append((inner, outer))
        return True
    short = [(length, axis) for axis, length in enumerate(inner.shape) if 1 < length <= _LONGEST_AXIS]
    if not short:
        return False
    length, axis = min(short)
    return all(_cut(np.take(inner, [k], axis), np.take(outer, [k], axis), found) for k in range(length))
