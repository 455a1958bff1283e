"""`tcp://host:port`: a JSON object a line. `ws://host:port/path`: one a message."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Mapping
from typing import Any

from rnnedge.live.protocol import PATIENCE_S, Address
from rnnedge.live.sinks.rows import json_line
from rnnedge.live.sources.websocket import connect
from rnnedge_runtime.errors import InputError


class TcpSink:
    """One connection; made by `open_sink`. A reader that takes nothing for ten seconds is gone."""

    def __init__(self, address: Address) -> None:
        """Raises `InputError` if nobody answers."""
        address.only()
        self._name = address.text
        try:
            self._socket = socket.create_connection(address.place(), PATIENCE_S)
        except OSError as error:
            raise InputError(f"{self._name}: cannot be opened ({error.strerror or error})") from error

    def send(self, row: Mapping[str, Any]) -> None:
        """One line."""
        try:
            self._socket.sendall(json_line(row).encode())
        except OSError as error:
            raise InputError(f"{self._name}: takes no more ({error.strerror or error})") from error

    def close(self) -> None:
        """What was sent arrives."""
        self._socket.close()


class WebSocketSink:
    """One connection; made by `open_sink`. A reader that takes nothing for ten seconds is gone."""

    def __init__(self, address: Address) -> None:
        """Raises `InputError` if nobody answers, `MissingExtra` without websockets."""
        self._name = address.text
        self._socket = connect(address)
        if os.name != "nt":
            # websockets itself would wait for ever. As a `timeval`: seconds and microseconds.
            limit = struct.pack("@ll", int(PATIENCE_S), int(PATIENCE_S % 1 * 1e6))
            self._socket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    def send(self, row: Mapping[str, Any]) -> None:
        """One message."""
        from websockets.exceptions import WebSocketException

        try:
            self._socket.send(json.dumps(row))
        except (OSError, WebSocketException) as error:
            late = isinstance(error.__cause__, BlockingIOError)
            reason = f"has read nothing for {PATIENCE_S:g} s" if late else f"takes no more ({error})"
            raise InputError(f"{self._name}: {reason}") from error

    def close(self) -> None:
        """What was sent arrives."""
        self._socket.close()
