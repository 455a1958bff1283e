"""`mqtt://user:password@host:1883/topic?qos=1`: a topic of a broker; a payload is JSON, or a record.

The client connects again by itself. What a broker keeps for a session that is away (`?qos=1&session=NAME`) comes after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Full, Queue
from threading import Event
from typing import Any

from rnnedge.live.protocol import Address, Packet
from rnnedge.live.protocol.records import MAGIC, FrameFormat
from rnnedge.live.sources._messages import packets_of
from rnnedge.live.sources._texts import Texts
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import InputError, MissingExtra

_LONGEST = 65_535
# How long a broker may take to answer, and payloads that wait to be read; a further one holds the broker up.
_ANSWER_S, _MOST_WAITING, _LOOK_S = 10.0, 10_000, 0.2


class MqttSource:
    """One subscription; made by `open_source`."""

    samples_hz = None
    live = True

    def __init__(self, address: Address, contract: Contract, tell: Callable[[str], None], decimal: str = ".") -> None:
        """Raises `InputError` if no broker answers or it refuses, `MissingExtra` without paho-mqtt."""
        address.only("qos", "session")
        self.name, self._tell, self._closed = address.text, tell, False
        self._format, self._texts = FrameFormat(contract), Texts(contract, decimal)
        self._topic, self._qos = topic(address), int(address.word("qos", "0", "0", "1", "2"))
        self._came: Queue[bytes | InputError | None] = Queue(_MOST_WAITING)
        self._client = make_client(address)
        self._client.on_message = lambda client, data, message: self._put(message.payload)
        self._client.on_subscribe = self._subscribed
        start(self._client, address, tell, lambda: self._client.subscribe(self._topic, self._qos))

    def packets(self) -> Iterator[Packet]:
        """Until it is closed. A payload that cannot be read is told, and counts as a lost frame.

        Raises `InputError` if the broker does not let the topic be read.
        """
        return packets_of(self._payloads(), self._packets, self._tell)

    def close(self) -> None:
        """Ends `packets` too."""
        self._closed = True
        stop(self._client)
        with suppress(Full):
            self._came.put_nowait(None)

    def _payloads(self) -> Iterator[bytes]:
        # One that is closed while its queue is full has no room for its end.
        while (payload := self._came.get()) is not None:
            if isinstance(payload, InputError):
                raise payload
            yield payload
            if self._closed and self._came.empty():
                return

    def _put(self, payload: bytes | InputError) -> None:
        while not self._closed:
            with suppress(Full):
                self._came.put(payload, timeout=_LOOK_S)
                return

    def _subscribed(self, client: Any, data: Any, message: int, reasons: list[Any], properties: Any) -> None:
        for reason in reasons:
            if reason.is_failure:
                self._put(InputError(f"{self.name}: the broker does not let {self._topic!r} be read ({reason})"))

    def _packets(self, payload: bytes, expected: int) -> list[Packet]:
        if payload[:4] == MAGIC:
            return [packet for _, packet in self._format.decode(payload, self.name)]
        packet = self._texts.packet(payload.decode("utf-8-sig", "replace"), self.name, expected)
        return [] if packet is None else [packet]


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


def start(
    client: Any, address: Address, tell: Callable[[str], None] = lambda _: None, then: Callable[[], Any] = lambda: None
) -> None:
    """Connect, and run the client's thread; `then` is done after each connection, `tell` is told what goes wrong later.

    Raises `InputError` if no broker answers within ten seconds, or it refuses.
    """
    answered, refused = Event(), list[str]()

    def connected(client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if not reason.is_failure:
            then()
        elif answered.is_set():
            tell(f"{address.text}: the broker refuses ({reason}), connecting again")
        else:
            refused.append(str(reason))
        answered.set()

    client.on_connect = connected
    host, port = address.place(8883 if address.scheme == "mqtts" else 1883)
    try:
        client.connect(host, port, keepalive=30)
    except (OSError, ValueError) as error:
        raise InputError(f"{address.text}: no broker answers ({error})") from error
    client.loop_start()
    if not answered.wait(_ANSWER_S) or refused:
        stop(client)
        reason = f"the broker refuses ({refused[0]})" if refused else f"no broker answers within {_ANSWER_S:g} s"
        raise InputError(f"{address.text}: {reason}")
    client.on_disconnect = lambda *_: tell(f"{address.text}: broker gone, connecting again")


def stop(client: Any) -> None:
    """End the connection, and the client's thread."""
    client.on_disconnect = None
    client.disconnect()
    client.loop_stop()
