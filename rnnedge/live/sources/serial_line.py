"""`serial:/dev/ttyUSB0?baud=115200`: lines of text on a serial line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rnnedge.live.protocol import Address, Packet
from rnnedge.live.sources.lines import LineReader
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import InputError, MissingExtra


class SerialSource:
    """One serial line; made by `open_source`."""

    samples_hz = None
    live = True

    def __init__(self, address: Address, contract: Contract, tell: Callable[[str], None], decimal: str = ".") -> None:
        """Raises `InputError` for a line that cannot be opened, `MissingExtra` without pyserial."""
        address.only("baud")
        self.name = address.text
        self._reader = LineReader(self.name, contract, tell, decimal=decimal)
        self._line = open_line(address)
        self._closed = False

    def packets(self) -> Iterator[Packet]:
        """Until the line is unplugged, which is an `InputError`, or closed."""
        try:
            yield from self._reader.packets(_Lines(self._line))
        except (OSError, TypeError) as error:
            # pyserial's own error is an OSError; a line that another thread closes leaves it without a handle.
            if not self._closed:
                raise InputError(f"{self.name}: gone ({error})") from error

    def close(self) -> None:
        """Ends `packets` too."""
        self._closed = True
        self._line.cancel_read()
        self._line.close()


class _Lines:
    """Whole lines of a serial line, which has no end: an empty read is one that was cancelled."""

    def __init__(self, line: Any) -> None:
        self._line = line

    def readline(self, limit: int, /) -> bytes:
        return bytes(self._line.read_until(b"\n", limit))


def open_line(address: Address, write_timeout_s: float | None = None) -> Any:
    """A `serial.Serial` that waits for what it reads, and so long until it can write.

    Raises `InputError` if there is none, `MissingExtra` without pyserial.
    """
    try:
        import serial
    except ImportError as error:
        raise MissingExtra(f"{address.text}: needs pyserial; pip install 'rnnedge[live]'") from error
    baud = int(address.number("baud", 115200, 1))
    try:
        return serial.Serial(address.path, baud, timeout=None, write_timeout=write_timeout_s)
    except (OSError, ValueError) as error:
        raise InputError(f"{address.text}: cannot be opened ({error})") from error
