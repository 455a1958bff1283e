"""`ws://host:port/path`, `wss://`: messages of a WebSocket; text is JSON, binary is a record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from rnnedge.live.protocol import Address, Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.sources._messages import packets_of
from rnnedge.live.sources._texts import Texts
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import InputError, MissingExtra


class WebSocketSource:
    """One connection; made by `open_source`."""

    samples_hz = None
    live = True

    def __init__(self, address: Address, contract: Contract, tell: Callable[[str], None], decimal: str = ".") -> None:
        """Raises `InputError` if nobody answers, `MissingExtra` without websockets."""
        self.name, self._tell = address.text, tell
        self._format, self._texts = FrameFormat(contract), Texts(contract, decimal)
        self._closed = False
        self._socket = connect(address)

    def packets(self) -> Iterator[Packet]:
        """Until the other side closes. A message that cannot be read is told, and counts as a lost frame.

        Raises `InputError` if the connection breaks off, or the other side sends what is no message.
        """
        from websockets.exceptions import WebSocketException

        try:
            yield from packets_of(self._socket, self._packets, self._tell)
        except (OSError, WebSocketException) as error:
            if not self._closed:
                raise InputError(f"{self.name}: broke off ({error})") from error

    def close(self) -> None:
        """Ends `packets` too."""
        self._closed = True
        self._socket.close()

    def _packets(self, message: str | bytes, expected: int) -> list[Packet]:
        if isinstance(message, bytes):
            return [packet for _, packet in self._format.decode(message, self.name)]
        packet = self._texts.packet(message, self.name, expected)
        return [] if packet is None else [packet]


def connect(address: Address) -> Any:
    """A connection of websockets. Raises `InputError` if nobody answers, `MissingExtra` without websockets."""
    try:
        from websockets.sync.client import connect as open_socket
    except ImportError as error:
        raise MissingExtra(f"{address.text}: needs websockets; pip install 'rnnedge[live]'") from error
    try:
        # Its own close ends it; a program that waits for messages has no block to leave.
        return open_socket(
            address.text, max_size=1 << 20, compression=None, open_timeout=10, logger=_unheard()
        ).__enter__()
    # What speaks another protocol makes an assertion of websockets fail, or sends us on to what is no address.
    except Exception as error:
        raise InputError(f"{address.text}: cannot be opened ({str(error) or 'no WebSocket answers'})") from error


def _unheard() -> logging.Logger:
    """A thread of websockets writes a traceback where what is answered is none; the connection breaks off as well."""
    logger = logging.getLogger("rnnedge.websocket")
    logger.disabled = True
    return logger
