"""TLS: a client that trusts the certificate is served, over WebSocket and gRPC, by one process and by workers."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import ssl
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs websockets")
pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")
pytest.importorskip("cryptography", reason="needs cryptography")

from serving import PATIENCE_S, numbered, served, the_verb
from websockets.asyncio.client import connect

from rnnedge.live import Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array

X = np.random.default_rng(8).standard_normal((10, 4)).astype(np.float32)
GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "rnnedge")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = builder.add_extension(here, False).add_extension(x509.BasicConstraints(True, None), True)
    pem, folder = serialization.Encoding.PEM, tmp_path_factory.mktemp("tls")
    (certificate := folder / "cert.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem))
    (private := folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


async def one_stream(url: str, context: ssl.SSLContext, form: FrameFormat) -> Array:
    """The outputs of one that is opened, and sent X."""
    async with connect(f"{url}/v1/streams", ssl=context) as ws:
        await ws.send(json.dumps({"type": "open", "stream": 1}))
        assert json.loads(await ws.recv())["type"] == "opened"
        await ws.send(form.encode(Packet(X, 0, 0.0), 1))
        return numbered(await ws.recv())[0][1]


async def strangers(place: str) -> list[str]:
    """What a client hears that speaks no TLS, one that says nothing and goes, and one that trusts nobody."""
    host, port = place.split(":")
    socket.create_connection((host, int(port))).close()
    said = []
    for url, context in ((f"http://{place}/health", None), (f"https://{place}/health", ssl.create_default_context())):
        try:
            await asyncio.to_thread(lambda url=url, context=context: urlopen(url, context=context).close())
        except (OSError, URLError) as error:
            said.append(str(error))
    return said


def test_who_trusts_the_certificate_is_served(gru: Model, pair: tuple[Path, Path]) -> None:
    """Strangers cost nobody else anything."""
    context = ssl.create_default_context(cafile=str(pair[0]))

    async def client(url: str) -> Any:
        assert url.startswith("wss://")
        said = await strangers(url.removeprefix("wss://"))
        return said, await one_stream(url, context, FrameFormat(gru.contract))

    said, values = served(gru, client, certificate=pair[0], private_key=pair[1])
    assert len(said) == 2 and "certificate verify failed" in said[1].lower()
    np.testing.assert_allclose(values, gru.stream().push(X), atol=1e-6)


def test_grpc_is_served_with_the_same_certificate(gru: Model, pair: tuple[Path, Path]) -> None:
    """A client without it is refused."""
    grpc = pytest.importorskip("grpc", reason="needs grpcio")
    pytest.importorskip("google.protobuf", reason="needs protobuf")
    from rnnedge.live.server.grpc_messages import SERVICE, messages

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    asked, answer = messages()["ServerReadyRequest"](), messages()["ServerReadyResponse"]

    def ready(channel: Any) -> bool:
        with channel:
            call = channel.unary_unary(f"/{SERVICE}/ServerReady", type(asked).SerializeToString, answer.FromString)
            return bool(call(asked, timeout=PATIENCE_S).ready)

    def both() -> bool:
        with pytest.raises(grpc.RpcError):
            ready(grpc.insecure_channel(f"127.0.0.1:{port}"))
        return ready(grpc.secure_channel(f"127.0.0.1:{port}", grpc.ssl_channel_credentials(pair[0].read_bytes())))

    async def client(url: str) -> bool:
        return await asyncio.to_thread(both)

    assert served(gru, client, certificate=pair[0], private_key=pair[1], grpc_port=port)


@pytest.mark.skipif(sys.platform == "win32", reason="workers need sockets of Unix")
def test_workers_shake_hands_themselves(gru: Model, pair: tuple[Path, Path]) -> None:
    """Each of two; after strangers."""
    context, form = ssl.create_default_context(cafile=str(pair[0])), FrameFormat(gru.contract)

    async def client(place: str) -> list[Array]:
        assert len(await strangers(place)) == 2
        return await asyncio.gather(*(one_stream(f"wss://{place}", context, form) for _ in range(4)))

    with the_verb(GOLDEN, "--tls-cert", str(pair[0]), "--tls-key", str(pair[1])) as (_, place):
        for values in asyncio.run(asyncio.wait_for(client(place), PATIENCE_S)):
            np.testing.assert_allclose(values, gru.stream().push(X), atol=1e-6)
