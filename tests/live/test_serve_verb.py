"""How a server begins and ends: what cannot be served, what it says over HTTP, signals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs websockets")
pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")

from in_one_test import in_one_test
from serving import PATIENCE_S, in_json, open_stream, outputs, served
from websockets.asyncio.client import connect

from rnnedge.live.server import ServeOptions
from rnnedge.live.server.app import listens, serving
from rnnedge_runtime import Model
from rnnedge_runtime.errors import InputError

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
X = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)


def test_what_is_no_stream_is_answered_over_http(gru: Model) -> None:
    """Health, readiness, metrics and the model; a token where one is set."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    def get(url: str, path: str, token: str = "") -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            with urlopen(Request(f"http{url[2:]}{path}", headers=headers)) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    async def client(url: str) -> list[tuple[int, str]]:
        paths = (("/health", ""), ("/ready", ""), ("/metrics", ""), ("/metrics", "s"), ("/v1/model", "s"), ("/x", "s"))
        return [await asyncio.to_thread(get, url, *one) for one in paths]

    found = served(gru, client, token="s")
    assert [code for code, _ in found] == [200, 200, 401, 200, 200, 404]
    assert "rnnedge_round_seconds" in found[3][1]
    assert json.loads(found[4][1])["labels"] == list(gru.contract.labels)


def test_an_address_of_colons_is_told_as_one_that_clients_take(gru: Model) -> None:
    """In brackets, as in every URL."""
    said = listens(gru, ServeOptions(host="::1"), 8000, 9000).split(" at ")[1]
    assert said == "grpc://[::1]:9000 and ws://[::1]:8000/v1/streams"
    assert {urlsplit(url).hostname for url in said.split(" and ")} == {"::1"}


def _locked_certificate() -> bytes:
    """One whose key has a password, which a server cannot ask for."""
    from datetime import datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key, name = Ed25519PrivateKey.generate(), x509.Name([])
    begin = datetime(2020, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(36500))
    pem, locked = serialization.Encoding.PEM, serialization.BestAvailableEncryption(b"word")
    form = serialization.PrivateFormat.PKCS8
    return builder.sign(key, None).public_bytes(pem) + key.private_bytes(pem, form, locked)


def test_what_cannot_be_served_is_told(gru: Model, tmp_path: Path) -> None:
    """A port that is taken, a state file of something else, a certificate that is none; in a line."""

    async def nothing(url: str) -> None:
        pass

    (tmp_path / "state").write_text("{}")
    (tmp_path / "deep").write_text("[" * 100_000)
    (tmp_path / "folder").mkdir()
    (tmp_path / "locked").write_bytes(_locked_certificate())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for options, words in (
            (ServeOptions(port=taken.getsockname()[1]), "cannot be listened on"),
            (ServeOptions(port=0, host="a..b"), "cannot be listened on"),
            (ServeOptions(state=tmp_path / "state"), "move it away"),
            (ServeOptions(state=tmp_path / "deep"), "nested too deeply"),
            (ServeOptions(state=tmp_path / "folder"), "found a directory"),
            (ServeOptions(port=0, certificate=tmp_path / "none"), "cannot be read"),
            (ServeOptions(port=0, certificate=tmp_path / "state"), "no certificate"),
            (ServeOptions(port=0, certificate=tmp_path / "state", private_key=tmp_path / "folder"), "a directory"),
            (ServeOptions(port=0, certificate=tmp_path / "locked"), "no certificate"),
        ):
            with pytest.raises(InputError, match=words):
                asyncio.run(serving(gru, options, print))


@in_one_test("given, words", [
    ({"host": ""}, "host: expected an address, found ''; 0.0.0.0 is every"), ({"host": " "}, "host: expected an addr"),
    ({"origins": ("https://a.org", "")}, "origins: expected addresses of pages, found nothing"),
    ({"host": None}, "host: expected a string"), ({"token": 5}, "token: expected a string"),
    ({"token": " secret"}, "token: expected letters"), ({"admin_token": "secret\n"}, "admin_token: expected letters"),
    ({"token": "\udcff"}, "token: expected letters"), ({"origins": "https://x"}, "origins: expected a list of strings"),
    ({"origins": (5,)}, r"origins\[0\]: expected a string"), ({"certificate": 5}, "certificate: expected a path"),
    ({"private_key": ""}, "private_key: expected a path"), ({"state": b"x"}, "state: expected a path"),
])  # fmt: skip
def test_options_that_would_let_in_everybody_or_nobody(given: dict[str, Any], words: str) -> None:
    """Nothing is no address: to the system it is every one; and no text of another kind is taken for a secret."""
    with pytest.raises(InputError, match=words):
        ServeOptions(**given)


@pytest.mark.parametrize("variable", ["RNNEDGE_TOKEN", "RNNEDGE_ADMIN_TOKEN"])
def test_a_secret_that_is_empty_ends_the_verb(variable: str) -> None:
    """As a file of secrets that is missing leaves it: a server without a token would be open to all."""
    command = [sys.executable, "-m", "rnnedge", "serve", str(GOLDEN), "--port", "0"]
    done = subprocess.run(command, env={**os.environ, variable: ""}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 6 and f"{variable}: expected a token, found nothing" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM ends a process at once there")
def test_a_signal_that_comes_while_the_loop_is_behind_is_not_lost(gru: Model) -> None:
    """A thousand streams that are released at once fill the pipe that wakes the loop."""
    before = signal.getsignal(signal.SIGTERM)

    async def run() -> str:
        said: list[str] = []
        begun, loop = asyncio.Event(), asyncio.get_running_loop()

        def ready(text: str) -> None:
            said.append(text)
            begun.set()

        server = asyncio.create_task(serving(gru, ServeOptions(port=0), ready))
        await begun.wait()
        await asyncio.sleep(0)
        for _ in range(10_000):
            loop.call_soon_threadsafe(int)
        with pytest.raises(BlockingIOError):
            loop._csock.send(b"\0")  # type: ignore[attr-defined]
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(server, PATIENCE_S)
        return said[0]

    place = urlsplit(asyncio.run(run()).split()[-1])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((str(place.hostname), int(place.port or 0)))
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM ends a process at once there")
def test_sigterm_ends_the_verb_with_its_streams_written(tmp_path: Path) -> None:
    """Exit code 0, the file has the stream that was open."""
    state = tmp_path / "streams.json"
    command = [sys.executable, "-m", "rnnedge", "serve", GOLDEN, "--port", "0", "--state", state]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]

        async def client() -> None:
            async with connect(url) as ws:
                await open_stream(ws, 1, id="door")
                await ws.send(in_json(X[:5], 0, 1))
                await outputs(ws, 5)
                process.send_signal(signal.SIGTERM)
                await ws.wait_closed()

        asyncio.run(client())
        assert process.wait(PATIENCE_S) == 0, process.stderr.read()
    assert json.loads(state.read_text())["streams"]["door"]["next"] == 5
