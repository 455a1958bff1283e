"""A client that costs less than the server: WebSockets without a library, records that are written once.

Usage: python -m bench.serve_load HOST:PORT SOCKETS STREAMS_PER_SOCKET SECONDS   (writes "ready", then a line of JSON)
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time
from typing import Any

import numpy as np

from rnnedge.live.protocol.records import HEADER, MAGIC

RATE_HZ, FEATURES = 20.0, 40
_SLOTS = 10


class Client(asyncio.Protocol):
    """One socket with streams 0, 1, ...; it sends a frame of each at once."""

    def __init__(self, streams: int) -> None:
        self.streams, self.sent, self.answered = streams, 0, 0
        self.shaken, self.opened = asyncio.Event(), asyncio.Event()
        self.waits_s: list[float] = []
        self.idle = asyncio.Event()
        self.idle.set()
        self._begun_s = 0.0
        self._rest = b""
        values = np.random.default_rng(0).standard_normal(FEATURES).astype("<f4").tobytes()
        self._size = HEADER.size + len(values)
        self._body = bytearray()
        for stream in range(streams):
            self._body += HEADER.pack(MAGIC, stream, 1, 0, 0.0) + values

    def connection_made(self, transport: Any) -> None:
        """Ask for a WebSocket."""
        self.transport = transport
        head = "GET /v1/streams HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        transport.write(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        """Count what comes."""
        if not self.shaken.is_set():
            if not data.startswith(b"HTTP/1.1 101"):
                raise SystemExit(f"refused: {data[:200]!r}")
            self.shaken.set()
            if self.streams > 1:
                opens = (json.dumps({"type": "open", "stream": n}).encode() for n in range(self.streams))
                self.transport.write(b"".join(_framed(text, 0x81) for text in opens))
            else:
                self.opened.set()
            return
        if not self.opened.is_set():
            self.answered += data.count(b"opened")
            if self.answered >= self.streams:
                self.answered = 0
                self.opened.set()
            return
        # A head may be cut in two.
        data = self._rest + data
        self.answered += data.count(b"RNO1")
        self._rest = data[-3:]
        while len(self.waits_s) < self.answered // self.streams:
            self.waits_s.append(time.perf_counter() - self._begun_s)
            self.idle.set()

    def send(self) -> None:
        """The next frame of each stream."""
        for at in range(12, len(self._body), self._size):
            struct.pack_into("<Qd", self._body, at, self.sent, self.sent / RATE_HZ)
        self.sent += 1
        self._begun_s = time.perf_counter()
        self.idle.clear()
        self.transport.write(_framed(bytes(self._body), 0x82))


def _framed(data: bytes, kind: int) -> bytes:
    """A frame of a client whose mask is zero, which leaves the bytes as they are."""
    if (size := len(data)) < 126:
        return bytes((kind, 0x80 | size)) + bytes(4) + data
    if size < 1 << 16:
        return bytes((kind, 0xFE)) + size.to_bytes(2, "big") + bytes(4) + data
    return bytes((kind, 0xFF)) + size.to_bytes(8, "big") + bytes(4) + data


async def load(place: str, sockets: int, streams: int, seconds: float) -> dict[str, float]:
    """Frames that were answered, and milliseconds until they were: median and 99th percentile."""
    loop = asyncio.get_running_loop()
    host, port = place.split(":")
    clients = []
    for _ in range(sockets):
        _, client = await loop.create_connection(lambda: Client(streams), host, int(port))
        clients.append(client)
        await client.opened.wait()
    print("ready", flush=True)
    begin = loop.time()
    for turn in range(int(seconds * RATE_HZ)):
        for slot in range(_SLOTS):
            await asyncio.sleep(max(begin + (turn + slot / _SLOTS) / RATE_HZ - loop.time(), 0))
            # On a busy machine it is as fast as the server, so that the queues are what they are on a quiet one.
            for client in clients[slot::_SLOTS]:
                await client.idle.wait()
                client.send()
    for client in clients:
        await client.idle.wait()
    waits = np.concatenate([client.waits_s for client in clients]) * 1e3
    frames = sum(client.answered for client in clients)
    sent = sum(client.sent * streams for client in clients)
    return {"frames": frames, "sent": sent, "p50_ms": np.median(waits), "p99_ms": float(np.percentile(waits, 99))}


if __name__ == "__main__":
    place, sockets, streams, seconds = sys.argv[1:]
    print(json.dumps(asyncio.run(load(place, int(sockets), int(streams), float(seconds)))))
