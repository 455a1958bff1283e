"""`mqtt://host/topic?qos=1`: a JSON object a message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rnnedge.live.protocol import Address
from rnnedge.live.sources.mqtt_topic import make_client, start, topic
from rnnedge_runtime.errors import InputError

# Messages that wait for a broker that is away, and how long the last of them are waited for.
_MOST_WAITING = 10_000
_PATIENCE_S = 5.0


class MqttSink:
    """One topic; made by `open_sink`. While the broker is away, messages of QoS 1 and 2 wait."""

    def __init__(self, address: Address) -> None:
        """Raises `InputError` if no broker answers, `MissingExtra` without paho-mqtt."""
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
        """Messages that wait are delivered, if the broker is there."""
        if self._last is not None and self._client.is_connected():
            self._last.wait_for_publish(_PATIENCE_S)
        self._client.disconnect()
        self._client.loop_stop()
