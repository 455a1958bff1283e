"""`tcp://host:port`: lines of text, or records with their length in front (`?format=records`).

`?listen=1` waits for one sender instead of connecting to it.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO

from rnnedge.live.protocol import Address, Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.sources.lines import LONGEST, LineReader
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import InputError

_CONNECT_S = 10.0
_LENGTH = struct.Struct("<I")


class TcpSource:
    """One connection; made by `open_source`."""

    samples_hz = None
    live = True

    def __init__(self, address: Address, contract: Contract, tell: Callable[[str], None], decimal: str = ".") -> None:
        """Raises `InputError` if there is no such place, or the port to listen on is taken."""
        address.only("format", "listen")
        self.name = address.text
        self._records = address.word("format", "lines", "lines", "records") == "records"
        self._format = FrameFormat(contract)
        self._reader = LineReader(self.name, contract, tell, decimal=decimal)
        place = address.place()
        self._listening: socket.socket | None = None
        self._connection: socket.socket | None = None
        self._closed = False
        try:
            if address.word("listen", "0", "0", "1") == "1":
                self._listening = socket.create_server(place)
            else:
                self._connection = socket.create_connection(place, _CONNECT_S)
                self._connection.settimeout(None)
        except OSError as error:
            raise InputError(f"{self.name}: cannot be opened ({error.strerror or error})") from error

    @property
    def port(self) -> int:
        """The port that it listens on, or comes from."""
        found: socket.socket | None = self._listening or self._connection
        return 0 if found is None else int(found.getsockname()[1])

    def packets(self) -> Iterator[Packet]:
        """Until the sender closes the connection."""
        try:
            if self._listening is not None:
                self._connection, _ = self._listening.accept()
            if self._connection is None:
                return
            with self._connection.makefile("rb") as file:
                yield from self._read_records(file) if self._records else self._reader.packets(file)
        except OSError as error:
            if not self._closed:
                raise InputError(f"{self.name}: broke off ({error.strerror or error})") from error

    def close(self) -> None:
        """Ends `packets` too."""
        self._closed = True
        for one in (self._connection, self._listening):
            if one is not None:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()

    def _read_records(self, file: IO[bytes]) -> Iterator[Packet]:
        while len(head := file.read(4)) == 4:
            (size,) = _LENGTH.unpack(head)
            if size > LONGEST:
                raise InputError(f"{self.name}: expected records of at most {LONGEST:,} bytes, found {size:,}")
            data = file.read(size)
            if len(data) < size:
                raise InputError(f"{self.name}: broke off within a record")
            yield from (packet for _, packet in self._format.decode(data, self.name))
