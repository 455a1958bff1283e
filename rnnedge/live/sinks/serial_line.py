"""`serial:/dev/ttyUSB0?baud=115200`: a JSON object a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnnedge.live.protocol import PATIENCE_S, Address
from rnnedge.live.sinks.rows import json_line
from rnnedge.live.sources.serial_line import open_line
from rnnedge_runtime.errors import InputError


class SerialSink:
    """One serial line; made by `open_sink`. One that takes nothing for ten seconds is held by the other end."""

    def __init__(self, address: Address) -> None:
        """Raises `InputError` for a line that cannot be opened, `MissingExtra` without pyserial."""
        address.only("baud")
        self._name, self._line = address.text, open_line(address, PATIENCE_S)

    def send(self, row: Mapping[str, Any]) -> None:
        """One line."""
        try:
            self._line.write(json_line(row).encode())
        except OSError as error:
            raise InputError(f"{self._name}: takes no more ({error})") from error

    def close(self) -> None:
        """What was sent arrives."""
        self._line.close()
