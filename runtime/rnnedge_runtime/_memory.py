"""How many bytes streams, calls and results take, and how many they may.

A call of a file is small, or a strict load would not have taken it. What multiplies it is the caller's: frames of a
push, sequences of a batch, members of a pool, frames of a gap. So these are counted before anything is allocated; what
is too much is an `InputError` that names both.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from rnnedge_runtime.contract import Contract, Port, State
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.state_buffers import shape_of

# Far more than any process streams; how many a file can afford is a matter of memory.
MOST_SEQUENCES = 1 << 20
_MIB = 1 << 20
# Buffers of a call of an engine that goes through all of it layer by layer: they stay in the caches.
_SHORT_CALL, _LONG_CALL = _MIB, 32 * _MIB
# A mask of truth values, and the numbers that it is made from.
_CURSOR_BYTES = 9
# What a member, or the number of a free place, takes besides its states.
_MEMBER_BYTES = 1024
_UNKNOWN_MACHINE = 64 << 30


class Room(NamedTuple):
    """Bytes that the streams of one file may take.

    `call`: the buffers of one call of several units; a push is cut into such. `held`: what one stream or pool keeps.
    `result`: what one push returns, beyond `share` times the bytes that it was given.
    """

    call: int
    held: int
    result: int
    share: int = 8

    def in_blocks(self) -> Room:
        """For an engine that goes through a call in blocks of its own: calls need not stay in the caches."""
        return self._replace(call=_LONG_CALL)


STRICT = Room(call=_SHORT_CALL, held=1024 * _MIB, result=128 * _MIB)
"""For an untrusted file."""


@lru_cache(maxsize=1)
def machine() -> Room:
    """For a file of this machine: no more than the machine has."""
    try:
        most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        most = _UNKNOWN_MACHINE
    return Room(call=_SHORT_CALL, held=most, result=most)


def bulk(contract: Contract, batch: int, room: Room, wanted: int) -> int:
    """Frames of a call over a long recording: those that are `wanted`, or fewer where their buffers are large."""
    return max(1, min(wanted // contract.unit, room.call // max(1, _call_bytes(contract, batch)))) * contract.unit


def check_stream(contract: Contract, batch: int, room: Room) -> None:
    """Raise `InputError` where the states and the buffers of a least call of `batch` sequences are too large."""
    needed = 2 * _bytes(contract.states, batch, 1) + _call_bytes(contract, batch)
    if needed > room.held:
        raise InputError(
            f"stream: {batch:,} sequences take {needed:,} bytes, expected at most {room.held:,}; take fewer at a time"
        )


def check_pool(contract: Contract, capacity: int, room: Room) -> None:
    """Raise `InputError` where the states of `capacity` members, and the buffers of a call of all, are too large."""
    needed = 3 * _bytes(contract.states, capacity, 1) + _bytes(contract.summaries, capacity, 1)
    needed += _call_bytes(contract, capacity) + _MEMBER_BYTES * capacity
    if needed > room.held:
        raise InputError(
            f"pool: {capacity:,} members take {needed:,} bytes, expected at most {room.held:,}; make a smaller one"
        )


def most_frames(contract: Contract, batch: int, room: Room, *, given: bool = True) -> int | None:
    """How many frames one push may bring, or one gap, which is not `given` its frames; None: any number."""
    out = _out_bytes(contract, batch) - (room.share * _bytes(contract.inputs, batch, 1) if given else 0)
    return int(room.result / out) if out > 0 else None


def too_many(what: str, frames: int, contract: Contract, batch: int, room: Room, remedy: str) -> InputError:
    """The error of a push or a gap of more frames than `most_frames`."""
    size = int(frames * _out_bytes(contract, batch))
    given = f" beyond {room.share} times what they bring" if what == "push" else ""
    return InputError(
        f"{what}: {frames:,} frames give {size:,} bytes, expected at most {room.result:,}{given}; {remedy}"
    )


def _out_bytes(contract: Contract, batch: int) -> Fraction:
    """Bytes of per-frame outputs per frame of the input."""
    ports = [port for port in contract.outputs if port.per_frame]
    return sum((_bytes([port], batch, 1) * port.clock.rate for port in ports), Fraction(0))


def _call_bytes(contract: Contract, batch: int) -> int:
    """The buffers of a least call: inputs, whether each number is finite, outputs, cursors."""
    unit = contract.unit
    size = _bytes(contract.inputs, batch, unit) + prod(shape_of(contract.inputs[0].shape, batch, unit))
    size += sum(_bytes([port], batch, port.clock.frames(unit)) for port in contract.outputs)
    return size + sum(_CURSOR_BYTES * cursor.clock.frames(unit) for cursor in contract.cursors)


def _bytes(parts: Iterable[Port | State], batch: int, frames: int) -> int:
    return sum(prod(shape_of(part.shape, batch, frames)) * np.dtype(part.dtype).itemsize for part in parts)
