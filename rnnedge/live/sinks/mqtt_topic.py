"""`mqtt://host/topic?qos=1`: a JSON object a message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rnnedge.live.protocol import Address
from rnnedge.live.sources.mqtt_topic import make_client, start, stop, topic
from rnnedge_runtime.errors import InputError

# Messages that wait for a broker that is away, and how long the last of them are waited for.
_MOST_WAITING = 10_000
_PATIENCE_S = 5.0


class MqttSink:
    """One topic; made by `open_sink`. While the broker is away, messages of QoS 1 and 2 wait."""

    def __init__(self, address: Address) -> None:
        """Raises `InputError` if no broker answers or it refuses, `MissingExtra` without paho-mqtt."""
        address.only("qos", "session")
        self._name, self._topic = address.text, topic(address, wildcards=False)
        self._qos = int(address.word("qos", "0", "0", "1", "2"))
        self._client = make_client(address)
        self._client.max_queued_messages_set(_MOST_WAITING)
        self._last: Any = None
        start(self._client, address)

    def send(self, row: Mapping[str, Any]) -> None:
        """One message."""
        self._last = self._client.publish(self._topic, json.dumps(row), self._qos)
        if self._qos and self._last.rc == 15:  # MQTT_ERR_QUEUE_SIZE
            raise InputError(f"{self._name}: {_MOST_WAITING:,} messages wait for a broker that is away")

    def close(self) -> None:
        """Messages that wait are delivered. Raises `InputError` if the broker does not take those of QoS 1 or 2."""
        delivered = self._last is None or self._delivered()
        stop(self._client)
        if not delivered and self._qos:
            raise InputError(f"{self._name}: the broker is away; the latest messages were not delivered")

    def _delivered(self) -> bool:
        # One of QoS 0 that had no broker raises.
        with suppress(ValueError, RuntimeError):
            self._last.wait_for_publish(_PATIENCE_S)
            return bool(self._last.is_published())
        return False
