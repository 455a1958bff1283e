"""Memory in large pages, so that a sweep over large weights need not wait for translations of addresses."""

from __future__ import annotations

import mmap

import numpy as np

from rnnedge_runtime.contract import Array

_PAGE = 2 << 20


def aligned(array: Array) -> Array:
    """A copy in memory of its own, in large pages where the system gives them."""
    memory = mmap.mmap(-1, array.nbytes // _PAGE * _PAGE + 2 * _PAGE)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    raw = np.frombuffer(memory, np.uint8)
    start = -raw.ctypes.data % _PAGE
    made: Array = raw[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    made[...] = array
    return made
