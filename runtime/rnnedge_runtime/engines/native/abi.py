"""The C structs of `export/rnnedge_export/codegen/render/c/library.h`, version 3, as ctypes sees them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import POINTER, Structure, c_char_p, c_int, c_uint32, c_uint64, c_void_p
from typing import Any

ABI = 3
ENTRY = "rnnedge_library_v1"
ALIGNMENT = 64
"""Of the stream structs and of a blob of weights, in bytes."""

NOT_FINITE, STOPPED, REFUSED = 1, 2, 3
"""What `run` returns: an input is not finite, and nothing ran; the run was stopped; a step refused its numbers."""


class Program(Structure):
    """`rnnedge_program`: the step of `batch` sequences."""

    _fields_ = (
        ("batch", c_uint32),
        ("refuses", c_uint32),
        ("stream_bytes", c_uint64),
        ("kept_bytes", c_uint64),
        ("step_kept_bytes", c_uint64),
        ("init", c_void_p),
        ("reset", c_void_p),
        ("step", c_void_p),
        ("read_states", c_void_p),
        ("write_states", c_void_p),
    )


class Description(Structure):
    """`rnnedge_library`: everything that a library says of itself."""

    _fields_ = (
        ("abi", c_uint32),
        ("programs_count", c_uint32),
        ("model_sha256", c_char_p),
        ("target", c_char_p),
        ("weight_bytes", c_uint64),
        ("weights_sha256", c_char_p),
        ("inputs", c_uint32),
        ("outputs", c_uint32),
        ("states", c_uint32),
        ("reserved", c_uint32),
        ("input_names", POINTER(c_char_p)),
        ("output_names", POINTER(c_char_p)),
        ("state_names", POINTER(c_char_p)),
        ("input_bytes", POINTER(c_uint64)),
        ("output_bytes", POINTER(c_uint64)),
        ("state_bytes", POINTER(c_uint64)),
        ("programs", POINTER(Program)),
        ("run", c_void_p),
    )


class Done(Structure):
    """`rnnedge_done`: how many calls have changed a stream, and how many bytes of `undo` are of the last one."""

    _fields_ = (("calls", c_uint64), ("undo_bytes", c_uint64))


class Call(Structure):
    """`rnnedge_call`: one call of `run`, filled once and used for every step."""

    _fields_ = (
        ("program", POINTER(Program)),
        ("stream", c_void_p),
        ("inputs", POINTER(c_void_p)),
        ("outputs", POINTER(c_void_p)),
        ("input_strides", POINTER(c_uint64)),
        ("output_strides", POINTER(c_uint64)),
        ("steps", c_uint64),
        ("stop", c_void_p),
        ("undo", c_void_p),
        ("undo_bytes", c_uint64),
        ("finite_inputs", c_uint64),
        ("finite_counts", POINTER(c_uint64)),
        ("done", c_void_p),
    )


Run = Callable[[Any], int]


def short_run(address: int) -> Run:
    """`run` with Python's global lock held: 60 ns less a call, for what takes a few microseconds."""
    return _without_types(ctypes.PYFUNCTYPE(c_int), address)


def long_run(address: int) -> Run:
    """`run` with the lock let go, so that other threads run meanwhile, and a watchdog can end it."""
    return _without_types(ctypes.CFUNCTYPE(c_int), address)


def _without_types(kind: Any, address: int) -> Run:
    """Without argument types, which cost 0.1 us to look at; the only argument is what `ctypes.byref` returns."""
    function: Run = kind(address)
    return function


init = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
copy_states = ctypes.CFUNCTYPE(None, c_void_p, POINTER(c_void_p))


def pointers(addresses: list[int]) -> Any:
    """A C array of pointers; of one NULL if there are none."""
    return (c_void_p * max(1, len(addresses)))(*addresses)


def sizes(numbers: list[int]) -> Any:
    """A C array of `uint64_t`; of one 0 if there are none."""
    return (c_uint64 * max(1, len(numbers)))(*numbers)
