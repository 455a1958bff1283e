"""A compiled streaming file called from Python with its pointers ready: what the native engine does less its checks."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from bench.native.memory import aligned
from rnnedge_export.codegen import Source, build, write_c
from rnnedge_export.codegen.toolchain import lanes_here
from rnnedge_runtime.contract import Array
from rnnedge_runtime.engines.native.abi import ENTRY, Call, Description, copy_states, init, pointers, sizes


@dataclass(frozen=True, eq=False)
class Compiled:
    """A library on disk, what the compiler wrote for it, and seconds that all of it took."""

    source: Source
    path: Path
    seconds: float = 0.0


def compiled(data: bytes, folder: Path, block: int | None = None) -> Compiled:
    """Compile a sealed file for this processor."""
    begun = perf_counter()
    made = build(data, "native", folder, block=block)
    assert made.artifact is not None
    return Compiled(made.source, made.artifact, perf_counter() - begun)


def found(data: bytes, folder: Path) -> Compiled:
    """What `compiled` left in a folder."""
    return Compiled(write_c(data, "model", lanes=lanes_here()), folder / "model.so")


class Runner:
    """One stream (or one block of streams) of a library: arrays of its ports, and `step` that runs once."""

    def __init__(self, library: Compiled, program: int = 0) -> None:
        """Load and begin."""
        loaded = ctypes.PyDLL(str(library.path))
        entry = getattr(loaded, ENTRY)
        entry.restype = ctypes.POINTER(Description)
        described = entry().contents
        own = described.programs[program]
        ports = library.source.programs[program]
        self.stream_bytes = int(own.stream_bytes)
        stream = aligned(np.zeros(own.stream_bytes, np.uint8))
        blob = library.source.weights
        weights = aligned(np.frombuffer(blob, np.uint8)) if blob else None
        self.inputs = {p.name: np.zeros(p.shape, p.dtype) for p in ports.inputs}
        self.outputs = {p.name: np.zeros(p.shape, p.dtype) for p in ports.outputs}
        init(own.init)(stream.ctypes.data, None if weights is None else weights.ctypes.data)
        given, results = _pointers(self.inputs), _pointers(self.outputs)
        # As `Stream.step` does, the numbers of float inputs are checked.
        checked = sum(1 << k for k, p in enumerate(ports.inputs) if p.dtype == "float32")
        counts = sizes([p.size for p in ports.inputs])
        at = ctypes.pointer(own), stream.ctypes.data, given, results
        call = Call(*at, None, None, 1, None, None, checked, counts, None)
        # Of a call with several steps: how far the next reads from the one before.
        zeros = sizes([0] * max(len(self.inputs), len(self.outputs)))
        many = Call(*at, zeros, zeros, 1, None, None, checked, counts, None)
        run = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(described.run)
        once, often = ctypes.c_void_p(ctypes.addressof(call)), ctypes.c_void_p(ctypes.addressof(many))
        self._keep: list[object] = [loaded, stream, weights, given, results, call, counts, zeros, many]
        self.call = (run, once)
        self.step: Callable[[], object] = lambda: run(once)

        def steps(count: int) -> None:
            many.steps = count
            run(often)

        self.steps = steps
        read, write = copy_states(own.read_states), copy_states(own.write_states)
        self._states = {s.state.input: np.zeros(s.view.index.shape, s.state.dtype) for s in ports.states}
        states = _pointers(self._states)
        self._keep.append(states)
        self._read = lambda: read(stream.ctypes.data, states)
        self._write = lambda: write(stream.ctypes.data, states)

    def states(self) -> dict[str, Array]:
        """The states as they are now, in the contract's shapes; the arrays belong to the runner."""
        self._read()
        return self._states

    def put(self, states: dict[str, Array]) -> None:
        """Go on from these states."""
        self._read()
        for name, value in states.items():
            self._states[name][...] = value
        self._write()


def _pointers(arrays: dict[str, Array]) -> Any:
    return pointers([array.ctypes.data for array in arrays.values()])
