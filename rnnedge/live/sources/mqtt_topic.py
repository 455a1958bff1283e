"""`mqtt://user:password@host:1883/topic?qos=1`: a topic of a broker; a payload is JSON, or a record.

The client connects again by itself. What a broker keeps for a session that is away (`?qos=1&session=NAME`) comes after.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

from rnnedge.live.protocol import Address, Packet
from rnnedge.live.protocol.records import MAGIC, FrameFormat, parse_json
from rnnedge.live.sources._messages import packets_of
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import InputError, MissingExtra

_LONGEST = 65_535


class MqttSource:
    """One subscription; made by `open_source`."""

    samples_hz = None
    live = True

    def __init__(self, address: Address, contract: Contract, tell: Callable[[str], None]) -> None:
        """Raises `InputError` if no broker answers, `MissingExtra` without paho-mqtt."""
        address.only("qos", "session")
        self.name, self._tell = address.text, tell
        self._format = FrameFormat(contract)
        self._topic, self._qos = topic(address), int(address.word("qos", "0", "0", "1", "2"))
        self._came: SimpleQueue[bytes | None] = SimpleQueue()
        self._client = make_client(address)
        self._client.on_message = lambda client, data, message: self._came.put(message.payload)
        self._client.on_connect = self._subscribe
        self._client.on_disconnect = lambda *_: tell(f"{self.name}: broker gone, connecting again")
        start(self._client, address)

    def packets(self) -> Iterator[Packet]:
        """Until it is closed. A payload that cannot be read is told, and counts as a lost frame."""
        return packets_of(iter(self._came.get, None), self._packets, self._tell)

    def close(self) -> None:
        """Ends `packets` too."""
        self._client.on_disconnect = None
        self._client.disconnect()
        self._client.loop_stop()
        self._came.put(None)

    def _subscribe(self, client: Any, *_: Any) -> None:
        client.subscribe(self._topic, self._qos)

    def _packets(self, payload: bytes, expected: int) -> list[Packet]:
        if payload[:4] == MAGIC:
            return [packet for _, packet in self._format.decode(payload, self.name)]
        return [self._format.from_json(parse_json(payload, self.name), self.name, expected, time.time())]


def topic(address: Address, wildcards: bool = True) -> str:
    """The topic of an address, or the filter of topics with `wildcards`. Raises `InputError` if there is none.

    The rules are those of MQTT 3.1.1, section 4.7; paho raises by them too, but in a thread of its own.
    """
    found = address.path.removeprefix("/")
    if not found:
        raise InputError(f"{address.text}: expected mqtt://host/topic, found no topic")
    levels = found.split("/")
    allowed = wildcards and all(not set("+#") & set(level) or level == "+" for level in levels[:-1])
    last = levels[-1] in ("+", "#") or not set("+#") & set(levels[-1])
    if set("+#") & set(found) and not (allowed and last):
        expected = "a filter such as a/+/c or a/#" if wildcards else "a topic without + and #"
        raise InputError(f"{address.text}: expected {expected}, found {found[:60]!r}")
    if len(found.encode()) > _LONGEST or "\0" in found:
        raise InputError(f"{address.text[:60]}: expected a topic of at most {_LONGEST:,} bytes, and no NUL")
    return found


def make_client(address: Address) -> Any:
    """A client of paho, not yet connected. Raises `MissingExtra` without paho-mqtt."""
    try:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError as error:
        raise MissingExtra(f"{address.text}: needs paho-mqtt; pip install 'rnnedge[live]'") from error
    session = address.options.get("session", "")
    client = Client(CallbackAPIVersion.VERSION2, client_id=session, clean_session=not session)
    client.reconnect_delay_set(1, 10)
    if address.user:
        client.username_pw_set(address.user, address.password or None)
    if address.scheme == "mqtts":
        client.tls_set()
    return client


def start(client: Any, address: Address) -> None:
    """Connect, and run the client's thread. Raises `InputError` if no broker answers."""
    host, port = address.place(8883 if address.scheme == "mqtts" else 1883)
    try:
        client.connect(host, port, keepalive=30)
    except (OSError, ValueError) as error:
        raise InputError(f"{address.text}: no broker answers ({error})") from error
    client.loop_start()
