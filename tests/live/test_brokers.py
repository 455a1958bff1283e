"""A broker as a source and a sink: mosquitto, as it is, silent, refusing and killed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from getpass import getuser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnedge.live import Packet, Session, open_sink, open_source
from rnnedge.live.protocol.records import FrameFormat
from rnnedge_runtime import Model
from rnnedge_runtime.errors import InputError

pytest.importorskip("paho", reason="needs paho-mqtt")

X = np.random.default_rng(0).standard_normal((12, 4)).astype(np.float32)
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Broker:
    """A mosquitto that may be killed, and begins again with what it had."""

    def __init__(self, folder: Path, *more: str) -> None:
        with socket.create_server(("localhost", 0)) as free:
            self.port = free.getsockname()[1]
        saved = "persistence true\nautosave_on_changes true\nautosave_interval 1\n"
        lines = [f"listener {self.port} localhost", f"persistence_location {folder}/", *more]
        self._conf = folder / "conf"
        self._conf.write_text("\n".join(lines) + "\n" + saved)
        self._folder = folder
        self.start()

    def start(self) -> None:
        """It answers when this returns."""
        command = [str(MOSQUITTO), "-c", str(self._conf)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("localhost", self.port)) == 0:
                    break
            time.sleep(0.05)

    def kill(self) -> None:
        """As an outage does."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """One that takes anybody."""
    if MOSQUITTO is None:
        pytest.skip("needs mosquitto")
    # It gives up the rights of root, also those to a folder of a test.
    running = Broker(tmp_path, "allow_anonymous true", f"user {getuser()}")
    yield running
    running.kill()


def test_a_broker_that_does_not_answer_is_not_waited_for(gru: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes the connection and says nothing, for a source and a sink; in a line."""
    from rnnedge.live.sources import mqtt_topic

    monkeypatch.setattr(mqtt_topic, "_ANSWER_S", 0.2)
    with socket.create_server(("localhost", 0)) as silent:
        address = f"mqtt://localhost:{silent.getsockname()[1]}/frames"
        for open_it in (lambda: open_source(address, gru.contract), lambda: open_sink(address)):
            with pytest.raises(InputError, match=r"no broker answers within 0\.2 s"):
                open_it()


def test_a_broker_that_refuses_is_told(gru: Model, tmp_path: Path) -> None:
    """A connection without a password."""
    if MOSQUITTO is None:
        pytest.skip("needs mosquitto")
    running = Broker(tmp_path, f"user {getuser()}", "allow_anonymous false")
    try:
        with pytest.raises(InputError, match="the broker refuses"):
            open_source(f"mqtt://localhost:{running.port}/frames", gru.contract)
    finally:
        running.kill()


def test_a_topic_that_may_not_be_read_is_told(gru: Model, broker: Broker) -> None:
    """A broker says so after the connection (mosquitto does not, whose access lists filter messages alone)."""
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.reasoncodes import ReasonCode

    source: Any = open_source(f"mqtt://localhost:{broker.port}/frames", gru.contract)
    source._subscribed(None, None, 1, [ReasonCode(PacketTypes.SUBACK, identifier=0x87)], None)
    with pytest.raises(InputError, match="does not let 'frames' be read"):
        next(source.packets())
    source.close()


def test_a_broker_is_killed_while_it_is_read(gru: Model, broker: Broker) -> None:
    """At QoS 1 with a session nothing is lost; at QoS 0 what was sent meanwhile is a gap, and outputs stay aligned."""
    place, told = f"mqtt://localhost:{broker.port}", list[str]()
    sources = [
        open_source(f"{place}/one?qos=1&session=reader", gru.contract, told.append),
        open_source(f"{place}/none", gru.contract, told.append),
    ]
    sinks = [open_sink(f"{place}/one?qos=1&session=writer"), open_sink(f"{place}/none")]
    time.sleep(0.2)

    def send(numbers: range) -> None:
        for number in numbers:
            for sink in sinks:
                sink.send({"first": number, "time_s": number / 10, "frames": X[number : number + 1].tolist()})

    send(range(2))
    time.sleep(0.3)
    broker.kill()
    send(range(2, 5))
    broker.start()
    for _ in range(200):
        if all(one._client.is_connected() for one in (*sources, *sinks)):  # type: ignore[attr-defined]
            break
        time.sleep(0.05)
    time.sleep(0.3)
    send(range(5, 8))
    sessions = [Session(gru, gap="hold") for _ in sources]
    for source, session in zip(sources, sessions, strict=True):
        packets = source.packets()
        while session.sequence.expected != 8:
            session.take(next(packets))
        source.close()
    for sink in sinks:
        sink.close()
    assert [session.sequence.lost for session in sessions] == [0, 3]
    assert all(session.stream.frames == 8 for session in sessions)
    assert any("broker gone" in one for one in told)


def test_a_topic_is_read_and_written(gru: Model, broker: Broker) -> None:
    """Frames, decisions; what is no frame is told."""
    from paho.mqtt import publish

    told: list[str] = []
    source = open_source(f"mqtt://localhost:{broker.port}/frames?qos=1", gru.contract, told.append)
    sink = open_sink(f"mqtt://localhost:{broker.port}/frames?qos=1")
    time.sleep(0.2)
    form = FrameFormat(gru.contract)
    publish.single("frames", form.encode(Packet(X[:6], 0, 1.0)), qos=1, hostname="localhost", port=broker.port)
    publish.single("frames", b"junk", qos=1, hostname="localhost", port=broker.port)
    sink.send({"first": 7, "time_s": 1.07, "frames": X[7:].tolist()})
    packets = source.packets()
    assert [next(packets).first, next(packets).first] == [0, 7]
    assert len(told) == 1 and "expected 4 names in a header or 4 numbers" in told[0]
    sink.close()
    threading.Timer(0.1, source.close).start()
    assert [*packets] == []
