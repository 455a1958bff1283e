"""Frames as messages: a binary record, or JSON.

A record is little-endian: 4 bytes "RNF1", u32 number of the stream (0 if there is one), u64 number of the first frame,
f64 time of the first frame in seconds, then the frames in the dtype of the model, one after the other.
JSON is `{"first": 12, "time_s": 0.5, "frames": [[...], ...]}`, or the bare array of one frame.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnedge.live.protocol.packet import Packet
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import InputError

MAGIC = b"RNF1"
HEADER = struct.Struct("<4sIQd")


class FrameFormat:
    """How frames of the only input of a model are written; shared by all streams."""

    def __init__(self, contract: Contract) -> None:
        """Raises `InputError` for a model with several inputs."""
        if len(contract.inputs) > 1:
            names = [port.name for port in contract.inputs]
            raise InputError(f"live: expected a model with one input, found {names}; push them from a program")
        port = contract.inputs[0]
        self.dtype = np.dtype(port.dtype)
        self.wire = self.dtype.newbyteorder("<")
        self.shape = tuple(int(d) for d in port.frame_shape)
        self.size = math.prod(self.shape)

    def encode(self, packet: Packet, stream: int = 0) -> bytes:
        """A record."""
        return HEADER.pack(MAGIC, stream, packet.first, packet.time_s) + packet.frames.astype(self.wire).tobytes()

    def decode(self, data: bytes, place: str) -> tuple[int, Packet]:
        """The number of the stream, and the packet. Raises `InputError` for anything that is no record."""
        if len(data) < HEADER.size or data[:4] != MAGIC:
            raise InputError(f"{place}: expected a record that begins with RNF1, found {data[:4]!r}")
        _, stream, first, time_s = HEADER.unpack_from(data)
        frame_bytes = self.size * self.wire.itemsize
        if (len(data) - HEADER.size) % frame_bytes:
            raise InputError(
                f"{place}: expected whole frames of {frame_bytes} bytes, found {len(data) - HEADER.size} bytes"
            )
        frames = np.frombuffer(data, self.wire, offset=HEADER.size).astype(self.dtype).reshape(-1, *self.shape)
        return stream, Packet(frames, first, _time(time_s, place))

    def from_json(self, value: Any, place: str, first: int, time_s: float) -> Packet:
        """The packet of a JSON value; `first` and `time_s` stand for those that it lacks."""
        if not isinstance(value, Mapping):
            return Packet(self.array([value], place), first, time_s)
        number = value.get("first", first)
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 63:
            raise InputError(f"{place}: first: expected the number of a frame, found {str(number)[:40]!r}")
        if not isinstance(value.get("frames"), list):
            raise InputError(f"{place}: expected frames: [[...], ...], found {sorted(map(str, value))[:5]}")
        taken = value.get("time_s", time_s)
        return Packet(self.array(value["frames"], place), number, _time(taken, place))

    def array(self, frames: Any, place: str) -> Array:
        """Nested lists of numbers, or of flat frames, as (time, ...)."""
        try:
            # Booleans and text are numbers to numpy.
            found = np.array(frames)
            if found.dtype.kind not in ("fi" if self.dtype.kind == "f" else "i") and found.size:
                raise ValueError(f"{found.dtype} in it")
            return found.astype(self.dtype).reshape(len(frames), *self.shape)
        except (ValueError, TypeError, OverflowError) as error:
            raise InputError(f"{place}: expected frames of {self.size} numbers ({str(error)[:80]})") from error


def parse_json(text: str | bytes, place: str) -> Any:
    """The value of a JSON text. Raises `InputError`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: expected JSON ({str(error)[:80]})") from error


def _time(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"{place}: time_s: expected seconds, found {str(value)[:40]!r}")
    return float(value)
