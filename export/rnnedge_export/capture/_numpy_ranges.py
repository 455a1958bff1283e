"""`np.arange` of a length, which running normalizations count frames with, while the length is a symbol.

NumPy makes an array of Python objects of it, which torch does not take.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def numpy_ranges() -> Iterator[None]:
    """While a module is captured, a range up to a symbol is a tensor, and `torch.from_numpy` takes it."""
    arange, from_numpy = np.arange, torch.from_numpy

    def ranged(*args: Any, **kwargs: Any) -> Any:
        given = (*args, *kwargs.values())
        if not any(isinstance(value, torch.SymInt) for value in given):
            return arange(*args, **kwargs)
        kind = torch.float64 if any(isinstance(value, float) for value in given) else torch.int64
        return torch.arange(*args, dtype=kind)

    def taken(array: Any) -> torch.Tensor:
        return array if isinstance(array, torch.Tensor) else from_numpy(array)

    np.arange, torch.from_numpy = ranged, taken  # type: ignore[assignment]
    try:
        yield
    finally:
        np.arange, torch.from_numpy = arange, from_numpy
