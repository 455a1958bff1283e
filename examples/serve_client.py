"""Streams a NumPy file through `rnnedge serve`, as binary records.

`python serve_client.py ws://localhost:8000 x.npy` needs numpy and websockets, and nothing of rnnedge.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from websockets.sync.client import connect

FRAMES = struct.Struct("<4sIIQd")
OUTPUTS = struct.Struct("<4sIIIIQd")


def stream(url: str, frames: np.ndarray[Any, Any], rate_hz: float, size: int = 10, name: str = "") -> Iterator[Any]:
    """Send `frames` (time, ...), `size` in a packet; gives (output, first frame, its time, values) as they come."""
    with connect(f"{url}/v1/streams", compression=None) as socket:
        socket.send(json.dumps({"type": "open", "stream": 1, "id": name}))
        for first in range(0, len(frames), size):
            part = frames[first : first + size]
            head = FRAMES.pack(b"RNF1", 1, len(part), first, first / rate_hz)
            socket.send(head + part.astype("<f4").tobytes())
        socket.send(json.dumps({"type": "finish", "stream": 1}))
        for message in socket:
            if isinstance(message, bytes):
                yield from records(message)
                continue
            said = json.loads(message)
            if said["type"] == "error":
                raise RuntimeError(said["message"])
            if said["type"] == "finished":
                return


def records(message: bytes) -> Iterator[Any]:
    """Those of one message; values float32 (frames, values)."""
    at = 0
    while at < len(message):
        _, _, output, count, size, first, time_s = OUTPUTS.unpack_from(message, at)
        at += OUTPUTS.size
        yield output, first, time_s, np.frombuffer(message[at : at + size], "<f4").reshape(count, -1)
        at += size


if __name__ == "__main__":
    for output, first, time_s, values in stream(sys.argv[1], np.load(sys.argv[2]), 100.0):
        print(output, first, time_s, values.argmax(axis=1))  # noqa: T201
