"""Sinks whose other end takes nothing: each is given up in a line, and none is waited for without an end."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from rnnedge.live import open_sink
from rnnedge.live.protocol import Sink
from rnnedge.live.sinks import command, network, serial_line
from rnnedge_runtime.errors import InputError

# A row that no buffer between two processes holds many of.
ROW: dict[str, Any] = {"label": "up", "values": [0.125] * 100_000}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Whose connections nobody reads from."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


def deaf_websocket(listener: socket.socket, stack: ExitStack) -> None:
    """Shakes hands, and reads no more."""
    client = stack.enter_context(listener.accept()[0])
    (key,) = re.findall(rb"(?i)sec-websocket-key: (\S+)", client.recv(4096))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    head = b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    client.sendall(head + accept + b"\r\n\r\n")


def send_many(sink: Sink) -> None:
    """More than any buffer holds."""
    for _ in range(100):
        sink.send(ROW)


@pytest.mark.parametrize("kind", ["tcp", "ws", "serial", "exec"])
@pytest.mark.skipif(os.name == "nt", reason="pipes and sockets are waited for there")
def test_a_reader_that_takes_nothing_is_given_up(
    kind: str, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line says which, and no row of it is waited for longer than the time that it is given."""
    for module in (command, network, serial_line):
        monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    address = f"{kind}://127.0.0.1:{listener.getsockname()[1]}"
    with ExitStack() as stack:
        if kind == "ws":
            pytest.importorskip("websockets", reason="needs websockets")
            threading.Thread(target=deaf_websocket, args=(listener, stack)).start()
        elif kind == "serial":
            pytest.importorskip("serial", reason="needs pyserial")
            ends = os.openpty()
            for end in ends:
                stack.callback(os.close, end)
            address = f"serial:{os.ttyname(ends[1])}"
        elif kind == "exec":
            address = "exec:sleep 60"
        sink = open_sink(address)
        with pytest.raises(InputError, match=re.escape(address)):
            send_many(sink)
        if kind == "exec":
            with pytest.raises(InputError, match="killed"):
                sink.close()
        else:
            sink.close()


def test_an_option_that_is_none_is_told_once() -> None:
    """Not as a line that cannot be opened."""
    pytest.importorskip("serial", reason="needs pyserial")
    with pytest.raises(InputError) as error:
        open_sink("serial:/dev/ttyUSB0?baud=fast")
    assert str(error.value).count("serial:") == 1
