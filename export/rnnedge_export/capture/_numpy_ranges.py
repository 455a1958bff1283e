"""`np.arange` of a length, which running normalizations count frames with, while the length is a symbol.

NumPy makes an array of Python objects of it, which torch does not take.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

_ONE, _PLACES = ("stop",), ("start", "stop", "step", "dtype")


@contextmanager
def numpy_ranges() -> Iterator[None]:
    """While a module is captured, a range up to a symbol is a tensor, and `torch.from_numpy` takes it."""
    arange, from_numpy = np.arange, torch.from_numpy

    def ranged(*args: Any, **kwargs: Any) -> Any:
        given = dict(zip(_ONE if len(args) == 1 else _PLACES, args, strict=False)) | kwargs
        if not any(isinstance(value, (torch.SymInt, torch.SymFloat)) for value in given.values()):
            return arange(*args, **kwargs)
        bounds = given.get("start") or 0, given["stop"], given.get("step") or 1
        whole = not any(isinstance(value, (float, torch.SymFloat)) for value in bounds)
        dtype = given.get("dtype") or (np.int64 if whole else np.float64)
        return torch.arange(*bounds, dtype=from_numpy(np.empty(0, dtype)).dtype)

    def taken(array: Any) -> torch.Tensor:
        return array if isinstance(array, torch.Tensor) else from_numpy(array)

    np.arange, torch.from_numpy = ranged, taken  # type: ignore[assignment]
    try:
        yield
    finally:
        np.arange, torch.from_numpy = arange, from_numpy
