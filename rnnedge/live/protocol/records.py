"""Frames as messages: a binary record, or JSON.

A record is little-endian: 4 bytes "RNF1", u32 number of the stream (0 if there is one), u32 how many frames, u64
number of the first, f64 its time in seconds, then the frames in the dtype of the model, one after the other. Records
may follow one another in a message.
JSON is `{"first": 12, "time_s": 0.5, "frames": [[...], ...]}`, or the bare array of one frame.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from rnnedge.files.nested import shape_of
from rnnedge.live.protocol.packet import Packet
from rnnedge_runtime.arrays import cast
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import InputError

MAGIC = b"RNF1"
_MAGIC_NUMBER = int.from_bytes(MAGIC, "little")
_MOST_FRAMES = 1 << 62
HEADER = struct.Struct("<4sIIQd")


class Records(NamedTuple):
    """Records of equal length, each of another stream; `frames` is (records, frames, ...)."""

    streams: list[int]
    firsts: list[int]
    times_s: list[float]
    frames: Array


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
        # Of a record by its frames; the latest one.
        self._layout: tuple[int, np.dtype[Any]] = (0, np.dtype([]))

    def encode(self, packet: Packet, stream: int = 0) -> bytes:
        """A record."""
        head = HEADER.pack(MAGIC, stream, len(packet.frames), packet.first, packet.time_s)
        return head + packet.frames.astype(self.wire).tobytes()

    def decode(self, data: bytes, place: str) -> list[tuple[int, Packet]]:
        """Each record's stream and packet. Raises `InputError` for anything that is no whole records."""
        found, at = [], 0
        while at < len(data):
            if len(data) - at < HEADER.size or data[at : at + 4] != MAGIC:
                raise InputError(f"{place}: expected a record that begins with RNF1, found {data[at : at + 4]!r}")
            _, stream, count, first, time_s = HEADER.unpack_from(data, at)
            at += HEADER.size
            end = at + count * self.size * self.wire.itemsize
            if end > len(data):
                raise InputError(f"{place}: expected {end - at} bytes of {count} frames, found {len(data) - at}")
            frames = np.frombuffer(data, self.wire, count * self.size, at).astype(self.dtype).reshape(-1, *self.shape)
            found.append((stream, Packet(frames, frame_number(first, place), frame_time(time_s, place))))
            at = end
        return found

    def number_of_one(self, data: bytes) -> tuple[int, int] | None:
        """Stream of a single record, and the number after its last frame; None if `data` is anything else."""
        if len(data) < HEADER.size:
            return None
        magic, stream, count, first, time_s = HEADER.unpack_from(data)
        whole = len(data) == HEADER.size + count * self.size * self.wire.itemsize
        if magic != MAGIC or not (whole and count) or first >= _MOST_FRAMES or not math.isfinite(time_s):
            return None
        return stream, first + count

    def decode_equal(self, data: bytes) -> Records | None:
        """As `decode`, all at once; None if the records differ in length, share a stream, or there is one only."""
        count = int.from_bytes(data[8:12], "little")
        length = HEADER.size + count * self.size * self.wire.itemsize
        if not count or len(data) <= length or len(data) % length:
            return None
        found = np.frombuffer(data, self._layout_of(count))
        whole = (found["magic"] == _MAGIC_NUMBER).all() and (found["count"] == count).all()
        if not (whole and (found["first"] < _MOST_FRAMES).all() and np.isfinite(found["time_s"]).all()):
            return None
        records = self.joined(data, count)
        return records if len(set(records.streams)) == len(records.streams) else None

    def joined(self, data: bytes, count: int) -> Records:
        """Whole records of `count` frames, one after the other; their streams may be of several sockets."""
        found = np.frombuffer(data, self._layout_of(count))
        frames = found["frames"].astype(self.dtype).reshape(len(found), count, *self.shape)
        return Records(found["stream"].tolist(), found["first"].tolist(), found["time_s"].tolist(), frames)

    def _layout_of(self, count: int) -> np.dtype[Any]:
        if self._layout[0] != count:
            head = [("magic", "<u4"), ("stream", "<u4"), ("count", "<u4"), ("first", "<u8"), ("time_s", "<f8")]
            self._layout = (count, np.dtype([*head, ("frames", self.wire, (count * self.size,))]))
        return self._layout[1]

    def from_json(self, value: Any, place: str, first: int, time_s: float) -> Packet:
        """The packet of a JSON value; `first` and `time_s` stand for those that it lacks."""
        if not isinstance(value, Mapping):
            return Packet(self.array([value], place), first, time_s)
        number = value.get("first", first)
        if not isinstance(value.get("frames"), list):
            raise InputError(f"{place}: expected frames: [[...], ...], found {sorted(map(str, value))[:5]}")
        taken = value.get("time_s", time_s)
        return Packet(self.array(value["frames"], place), frame_number(number, place), frame_time(taken, place))

    def array(self, frames: Any, place: str) -> Array:
        """Nested lists of numbers, or of flat frames, as (time, ...)."""
        try:
            if isinstance(frames, list):
                self._check_shape(shape_of(frames))
            found = np.array(frames)
            if found.dtype.kind not in ("fi" if self.dtype.kind == "f" else "i") and found.size:
                raise ValueError(f"{found.dtype} in it")
            if self.dtype.kind == "f":
                # What is too large becomes an infinity, which is the policy's.
                with np.errstate(over="ignore"):
                    found = found.astype(self.dtype)
            elif found.size:
                found = cast(found, self.dtype, place)
            return found.astype(self.dtype).reshape(len(frames), *self.shape)
        except InputError:
            raise
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise InputError(f"{place}: expected frames of {self.size} numbers ({str(error)[:80]})") from error

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise `ValueError` unless it is that of frames, each flat or as the model has it; one number need no list."""
        one = ((),) if self.size == 1 else ()
        if shape != (0,) and shape[1:] not in ((self.size,), self.shape, *one):
            raise ValueError(f"found {' x '.join(map(str, shape[1:])) or 'a number'}")


def parse_json(text: str | bytes, place: str) -> Any:
    """The value of a JSON text. Raises `InputError`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: expected JSON ({str(error)[:80]})") from error


def frame_number(value: Any, place: str, below: int = _MOST_FRAMES) -> int:
    """The number of a frame as a source counts. Raises `InputError` for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < below:
        raise InputError(f"{place}: first: expected the number of a frame, found {str(value)[:40]!r}")
    return value


def frame_time(value: Any, place: str) -> float:
    """Seconds, finite. Raises `InputError` for anything else."""
    try:
        if not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(found := float(value)):
            return found
    # A whole number beyond those of floats.
    except OverflowError:
        pass
    raise InputError(f"{place}: time_s: expected seconds, found {str(value)[:40]!r}")
