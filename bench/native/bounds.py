"""What no engine can surpass on this core: multiply-adds in registers, and weights that have to be read once a step."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns

import numpy as np

from bench.native.memory import aligned

_SOURCES = Path(__file__).parent / "roofline"


def flop_per_ns(folder: Path) -> float:
    """What the multiply-add units do in registers; the best of many short turns."""
    peak = _compiled("peak", folder).peak
    peak.restype = ctypes.c_long
    best = 0.0
    for _ in range(100):
        begun = perf_counter_ns()
        flop = peak(ctypes.c_long(20_000))
        best = max(best, flop / (perf_counter_ns() - begun))
    return best


def reading(nbytes: int, folder: Path) -> Callable[[], object]:
    """A call that reads so many bytes once, at the speed of the memory or cache that holds them from call to call."""
    add = _compiled("read", folder).sum
    add.restype, add.argtypes = ctypes.c_float, (ctypes.c_void_p, ctypes.c_long)
    weights = aligned(np.ones(max(nbytes // 4, 1), np.float32))
    at, count = weights.ctypes.data, weights.size
    # The default keeps the memory as long as the call.
    return lambda weights=weights: add(at, count)


def _compiled(name: str, folder: Path) -> ctypes.PyDLL:
    path = folder / f"{name}.so"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        flags = ("-std=gnu11", "-O3", "-march=native", "-shared", "-fPIC")
        subprocess.run(["cc", *flags, "-o", path, _SOURCES / f"{name}.c"], check=True)
    return ctypes.PyDLL(str(path))
