"""A compiled streaming file called from Python with its pointers ready: what the native engine does less its checks."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from bench.native.memory import aligned
from rnnedge_export.codegen import build, write_c
from rnnedge_export.codegen._source import Source
from rnnedge_export.codegen.toolchain import lanes_here
from rnnedge_runtime.contract import Array

_DTYPES = {"float": np.float32, "int64_t": np.int64, "int32_t": np.int32, "uint8_t": np.bool_}


class _Program(ctypes.Structure):
    """`rnnedge_program` of `library.h`."""

    _fields_ = (
        ("batch", ctypes.c_uint32),
        ("refuses", ctypes.c_uint32),
        ("stream_bytes", ctypes.c_uint64),
        ("kept_bytes", ctypes.c_uint64),
        *((name, ctypes.c_void_p) for name in ("init", "reset", "step", "read_states", "write_states")),
    )


class _Library(ctypes.Structure):
    """`rnnedge_library` of `library.h`."""

    _fields_ = (
        ("abi", ctypes.c_uint32),
        ("programs_count", ctypes.c_uint32),
        ("model_sha256", ctypes.c_char_p),
        ("target", ctypes.c_char_p),
        ("weight_bytes", ctypes.c_uint64),
        ("weights_sha256", ctypes.c_char_p),
        *((name, ctypes.c_uint32) for name in ("inputs", "outputs", "states", "reserved")),
        *((f"{port}_names", ctypes.c_void_p) for port in ("input", "output", "state")),
        *((f"{port}_bytes", ctypes.c_void_p) for port in ("input", "output", "state")),
        ("programs", ctypes.POINTER(_Program)),
        ("run", ctypes.c_void_p),
    )


class _Call(ctypes.Structure):
    """`rnnedge_call` of `library.h`."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("program", "stream", "inputs", "outputs")),
        *((name, ctypes.c_void_p) for name in ("input_strides", "output_strides")),
        ("steps", ctypes.c_uint64),
        ("stop", ctypes.c_void_p),
        ("undo", ctypes.c_void_p),
        ("finite_inputs", ctypes.c_uint64),
        ("finite_counts", ctypes.c_void_p),
        ("done", ctypes.c_void_p),
    )


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
        loaded.rnnedge_library_v1.restype = ctypes.POINTER(_Library)
        self._keep: list[object] = [loaded]
        described = loaded.rnnedge_library_v1().contents
        own = described.programs[program]
        ports = library.source.programs[program]
        self.stream_bytes = int(own.stream_bytes)
        stream = aligned(np.zeros(own.stream_bytes, np.uint8))
        blob = library.source.weights
        weights = aligned(np.frombuffer(blob, np.uint8)) if blob else None
        self.inputs = {p.name: np.zeros(p.shape, _DTYPES[p.ctype]) for p in ports.inputs}
        self.outputs = {p.name: np.zeros(p.shape, _DTYPES[p.ctype]) for p in ports.outputs}
        pointer, function = ctypes.c_void_p, ctypes.PYFUNCTYPE
        at = None if weights is None else weights.ctypes.data
        function(None, pointer, pointer)(own.init)(stream.ctypes.data, at)
        given, results = _pointers(self.inputs), _pointers(self.outputs)
        # As `Stream.step` does, the numbers of float inputs are checked.
        checked = sum(1 << k for k, p in enumerate(ports.inputs) if p.ctype == "float")
        counts = (ctypes.c_uint64 * max(1, len(ports.inputs)))(*(p.size for p in ports.inputs))
        call = _Call(
            ctypes.addressof(described.programs[program]), stream.ctypes.data, ctypes.addressof(given),
            ctypes.addressof(results), None, None, 1, None, None, checked, ctypes.addressof(counts),
        )  # fmt: skip
        # Of a call with several steps: how far the next reads from the one before.
        zeros = (ctypes.c_uint64 * max(1, len(self.inputs), len(self.outputs)))()
        many = _Call.from_buffer_copy(call)
        many.input_strides = many.output_strides = ctypes.addressof(zeros)
        run = function(ctypes.c_int, pointer)(described.run)
        once, often = pointer(ctypes.addressof(call)), pointer(ctypes.addressof(many))
        self._keep += [stream, weights, given, results, call, counts, zeros, many]
        self.call = (run, once)
        self.step: Callable[[], object] = lambda: run(once)

        def steps(count: int) -> None:
            many.steps = count
            run(often)

        self.steps = steps
        read, write = (function(None, pointer, pointer)(f) for f in (own.read_states, own.write_states))
        self._states = {s.state.input: np.zeros(s.view.index.shape, _DTYPES[s.ctype]) for s in ports.states}
        states = _pointers(self._states)
        self._keep.append(states)
        self._read = lambda: read(stream.ctypes.data, ctypes.addressof(states))
        self._write = lambda: write(stream.ctypes.data, ctypes.addressof(states))

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


def _pointers(arrays: dict[str, Array]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * max(1, len(arrays)))(*(array.ctypes.data for array in arrays.values()))
