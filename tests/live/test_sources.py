"""Sources and sinks with real parts: sockets, a pty as the serial line, a broker."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from in_one_test import in_one_test

from rnnedge.frames import ReadOptions
from rnnedge.live import Packet, Session, Source, open_sink, open_source, run_live
from rnnedge.live.protocol import parse_address
from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.sources.tcp import TcpSource
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError

X = np.random.default_rng(0).standard_normal((12, 4)).astype(np.float32)
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Rows:
    """A sink that keeps what it is sent."""

    def __init__(self) -> None:
        self.rows: list[Any] = []

    def send(self, row: Any) -> None:
        self.rows.append(row)

    def close(self) -> None:
        pass


def scores(rows: list[Any]) -> Array:
    """The values of rows."""
    return np.array([row["values"] for row in rows], np.float32)


def streamed(model: Model, source: Source) -> list[Any]:
    """The rows of a source that ends."""
    sink = Rows()
    run_live(source, Session(model), sink, model, values=True, full="block")
    return sink.rows


def lines(frames: Array, first: int = 0) -> bytes:
    """A frame a line, with number and time."""
    return b"".join(
        json.dumps({"first": first + i, "time_s": 10 + i / 100, "frames": [row.tolist()]}).encode() + b"\n"
        for i, row in enumerate(frames)
    )


def sent_to(source: TcpSource, data: bytes) -> None:
    """Someone connects, sends and goes."""

    def send() -> None:
        with socket.create_connection(("localhost", source.port)) as client:
            client.sendall(data)

    threading.Thread(target=send).start()


def test_frames_come_by_tcp_as_lines_or_records(gru: Model) -> None:
    """Numbers between commas, JSON with number and time, and binary records give the same."""
    expected = gru.stream().push(X)
    form = FrameFormat(gru.contract)
    records = b"".join(
        struct.pack("<I", len(r)) + r for r in (form.encode(Packet(X[i : i + 5], i, i / 100)) for i in (0, 5, 10))
    )
    text = "\n".join(",".join(map(str, row.tolist())) for row in X).encode()
    for options, data in (("", text), ("", lines(X)), ("&format=records", records)):
        source = open_source(f"tcp://localhost:0?listen=1{options}", gru.contract)
        assert isinstance(source, TcpSource)
        sent_to(source, data)
        rows = streamed(gru, source)
        assert np.allclose(scores(rows), expected, atol=1e-6)
        assert [row["frame"] for row in rows] == [*range(12)]
    assert rows[-1]["time_s"] == 0.11


def test_numbers_of_any_text_may_have_decimal_commas(gru: Model) -> None:
    """As a machine writes them whose language has them; sound has none."""
    text = "\n".join(";".join(map(str, row.tolist())).replace(".", ",") for row in X).encode()
    source = open_source("tcp://localhost:0?listen=1", gru.contract, reading=ReadOptions(decimal=","))
    assert isinstance(source, TcpSource)
    sent_to(source, text)
    np.testing.assert_allclose(scores(streamed(gru, source)), gru.stream().push(X), atol=1e-6)
    with pytest.raises(InputError, match="gives no text"):
        open_source("mic:", gru.contract, reading=ReadOptions(decimal=","))


def test_a_line_that_cannot_be_read_is_a_lost_frame(gru: Model) -> None:
    """It is told in a line, and the outputs stay aligned."""
    told: list[str] = []
    source = TcpSource(parse_address("tcp://localhost:0?listen=1"), gru.contract, told.append)
    rows = [",".join(map(str, row.tolist())) for row in X]
    rows[3] = "1,2,x,4"
    rows[7] = "1,2"
    rows[8] = '{"frames": 3}'
    sent_to(source, "\n".join(rows).encode())
    found = streamed(gru, source)
    stream = gru.stream(gap="hold")
    expected = [stream.push(X[:3]), stream.gap(1), stream.push(X[4:7]), stream.gap(2), stream.push(X[9:])]
    assert np.allclose(scores(found), np.concatenate(expected), atol=1e-6)
    assert len(told) == 3 and "line 4" in told[0]


@in_one_test(
    ("address", "words"),
    [
        ("tcp://localhost:1", "refused"),
        ("tcp://localhost", "no port"),
        ("tcp://localhost:99999", "not an address"),
        ("tcp://localhost:1?speed=3", "found 'speed'"),
        ("ws://localhost:1/x", "cannot be opened"),
        ("mqtt://localhost:1/x", "no broker answers"),
        ("mqtt://localhost", "no topic"),
        ("mqtt://localhost:1/a+/b", "expected a filter"),
        ("mqtt://localhost:1/#/b", "expected a filter"),
        (f"mqtt://localhost:1/{'a' * 70_000}", "at most 65,535 bytes"),
        ("serial:/dev/none", "cannot be opened"),
        ("serial:/dev/none?baud=x", "baud: expected a number"),
        ("odd://x", "found odd:"),
        ("none.csv", "no such file"),
        ("tcp://a..b:80", "not an address"),
        (f"ws://{'a' * 70}:80", "not an address"),
        ("ws://localhost:1/\ud800", "not an address"),
        ("mqtt://\udcff@localhost:1/x", "not an address"),
    ],
)
def test_what_cannot_be_opened_is_told_in_a_line(gru: Model, address: str, words: str) -> None:
    """With the address, and why."""
    with pytest.raises(InputError, match=words):
        [*open_source(address, gru.contract).packets()]


def test_a_port_that_is_taken_is_told(gru: Model) -> None:
    """Before anything is streamed."""
    with (
        socket.create_server(("localhost", 0)) as taken,
        pytest.raises(InputError, match="in use"),
    ):
        open_source(f"tcp://localhost:{taken.getsockname()[1]}?listen=1", gru.contract)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo terminals here")
def test_a_serial_line_is_read_and_written(gru: Model) -> None:
    """A pty stands for it; closing the source ends it."""
    pytest.importorskip("serial", reason="needs pyserial")
    import tty

    device, line = os.openpty()
    tty.setraw(line)
    source = open_source(f"serial:{os.ttyname(line)}", gru.contract)
    os.write(device, lines(X[:5]))
    packets = source.packets()
    assert [next(packets).first for _ in range(5)] == [0, 1, 2, 3, 4]
    threading.Timer(0.1, source.close).start()
    assert [*packets] == []
    sink = open_sink(f"serial:{os.ttyname(line)}")
    sink.send({"label": "a"})
    assert os.read(device, 100) == b'{"label": "a"}\n'
    sink.close()
    os.close(device)
    os.close(line)


def test_a_websocket_gives_text_and_binary_messages(gru: Model) -> None:
    """And takes rows."""
    pytest.importorskip("websockets", reason="needs websockets")
    from websockets.sync.server import ServerConnection, serve

    form = FrameFormat(gru.contract)
    came: list[str | bytes] = []

    def handle(connection: ServerConnection) -> None:
        if connection.request is not None and connection.request.path == "/sink":
            came.extend(connection)
            return
        connection.send(json.dumps({"first": 0, "time_s": 5.0, "frames": X[:6].tolist()}))
        connection.send("{")
        connection.send(form.encode(Packet(X[6:], 6, 5.06)))

    with serve(handle, "localhost", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"ws://localhost:{server.socket.getsockname()[1]}"
        rows = streamed(gru, open_source(f"{url}/source", gru.contract))
        sink = open_sink(f"{url}/sink")
        sink.send(rows[0])
        sink.close()
        server.shutdown()
        thread.join()
    assert np.allclose(scores(rows), gru.stream().push(X), atol=1e-6)
    assert json.loads(came[0]) == rows[0]


@in_one_test("end", ["shut", "code", "long", "bytes"])
def test_a_websocket_that_breaks_off_is_told_in_a_line(gru: Model, end: str) -> None:
    """After the frames that came: a connection that is gone, an error of the other side, and what is no message."""
    pytest.importorskip("websockets", reason="needs websockets")
    from websockets.sync.server import ServerConnection, serve

    def handle(connection: ServerConnection) -> None:
        connection.send("[1, 2, 3, 4]")
        if end == "shut":
            connection.socket.shutdown(socket.SHUT_RDWR)
        elif end == "code":
            connection.close(1011)
        elif end == "long":
            connection.send("x" * (1 << 21))
        else:
            connection.socket.sendall(b"\x81\x02\xff\xfe")
        connection.recv()

    with serve(handle, "localhost", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        packets = open_source(f"ws://localhost:{server.socket.getsockname()[1]}", gru.contract).packets()
        assert len(next(packets).frames) == 1
        with pytest.raises(InputError, match="broke off"):
            next(packets)
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("value", ["1" + "0" * 400, "1e400", "true", '"5"', "null"])
def test_a_time_that_is_none_is_refused(gru: Model, value: str) -> None:
    """Whole numbers beyond those of floats too."""
    given = json.loads(f'{{"time_s": {value}, "frames": [[1, 2, 3, 4]]}}')
    with pytest.raises(InputError, match="time_s: expected seconds"):
        FrameFormat(gru.contract).from_json(given, "line", 0, 0.0)


def test_whole_numbers_are_not_wrapped_around(gru: Model) -> None:
    """Frames of a model of tokens hold what was sent, or nothing."""
    form = FrameFormat(gru.contract)
    form.dtype = np.dtype(np.int32)
    assert form.array([[1, 2, 3, -(2**31)]], "line").tolist() == [[1, 2, 3, -(2**31)]]
    with pytest.raises(InputError, match="up to 2,147,483,647, found 4294967297"):
        form.array([[2**32 + 1, 2, 3, 4]], "line")


@in_one_test("answer", [
    b"HTTP/1.1 302 Found\r\nLocation: ws://[::1/\r\n\r\n", b"HTTP/1.1 302 Found\r\n\r\n", b"[" * 9000,
    b"HTTP/1.1 101 Yes\r\nUpgrade: x\r\n\r\n" + bytes(range(256)),
])  # fmt: skip
def test_what_is_no_websocket_is_an_error(answer: bytes, gru: Model, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever a stranger answers, that a redirection leads nowhere too: one error, and no traceback of a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as thread:

        def answering() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                client.sendall(answer)

        done = thread.submit(answering)
        with pytest.raises(InputError, match="cannot be opened"):
            open_source(f"ws://127.0.0.1:{listener.getsockname()[1]}", gru.contract)
        done.result()
    assert capfd.readouterr().err == ""


def test_an_assertion_of_the_library_is_an_error(gru: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of websockets fails where the other side speaks first and is gone; when, is a matter of threads."""
    from websockets.sync import client

    def fails(*_args: object, **_options: object) -> None:
        raise AssertionError

    monkeypatch.setattr(client, "connect", fails)
    with pytest.raises(InputError, match=r"cannot be opened \(no WebSocket answers\)"):
        open_source("ws://127.0.0.1:9", gru.contract)
