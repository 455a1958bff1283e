"""KServe v2 over gRPC: sequences go on between requests, streams of requests, and the connection of HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")
grpc = pytest.importorskip("grpc", reason="needs grpcio")
pytest.importorskip("google.protobuf", reason="needs protobuf")

from serving import served  # noqa: E402

import rnnedge  # noqa: E402
from rnnedge.live.server import ServeOptions  # noqa: E402
from rnnedge.live.server.app import serving  # noqa: E402
from rnnedge.live.server.grpc_messages import SERVICE, messages  # noqa: E402
from rnnedge_runtime import Model  # noqa: E402
from rnnedge_runtime.contract import Array  # noqa: E402
from rnnedge_runtime.errors import InputError  # noqa: E402

X = np.random.default_rng(4).standard_normal((40, 4)).astype(np.float32)


def free_port() -> int:
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def in_thread(model: Model, client: Callable[[str, str], Any], **options: Any) -> Any:
    """What `client(place of gRPC, place of HTTP)` gives, in a thread next to the server."""
    port = free_port()

    async def both(url: str) -> Any:
        return await asyncio.to_thread(client, f"127.0.0.1:{port}", url.removeprefix("ws://"))

    return served(model, both, grpc_port=port, **options)


def request(x: Array, raw: bool = True, model: str = "golden_gru", **parameters: Any) -> Any:
    """Frames for `ModelInfer`."""
    kinds = {bool: "bool_param", int: "int64_param", str: "string_param", float: "double_param"}
    made = messages()["ModelInferRequest"](model_name=model)
    tensor = made.inputs.add(name="x", datatype="FP32", shape=[1, *x.shape])
    if raw:
        made.raw_input_contents.append(x.astype("<f4").tobytes())
    else:
        tensor.contents.fp32_contents.extend(x.reshape(-1).tolist())
    for name, value in parameters.items():
        setattr(made.parameters[name], kinds[type(value)], value)
    return made


def call(channel: Any, method: str, given: Any, **more: Any) -> Any:
    """The answer to one request."""
    answer = messages()[f"{method}Response"].FromString
    return channel.unary_unary(f"/{SERVICE}/{method}", type(given).SerializeToString, answer)(given, **more)


def values(answer: Any) -> Array:
    """Of the first output."""
    return np.frombuffer(answer.raw_output_contents[0], "<f4").reshape(answer.outputs[0].shape)[0]


def test_sequences_go_on(gru: Model) -> None:
    """One by number and one by text, with bytes and with numbers; begun over HTTP, ended over gRPC; and alone."""

    def client(place: str, http: str) -> Any:
        one = {"name": "x", "datatype": "FP32", "shape": [1, 10, 4], "data": X[:10].reshape(-1).tolist()}
        body = json.dumps({"inputs": [one], "parameters": {"sequence_id": 5, "sequence_start": True}}).encode()
        with urlopen(Request(f"http://{http}/v2/models/golden_gru/infer", body)) as answer:
            begun = np.array(json.loads(answer.read())["outputs"][0]["data"], np.float32).reshape(10, -1)
        found: dict[Any, list[Array]] = {5: [begun], "door": []}
        with grpc.insecure_channel(place) as channel:
            for at in range(0, 40, 10):
                for name, parts in found.items():
                    if name == 5 and at == 0:
                        continue
                    edges = {"sequence_start": at == 0, "sequence_end": at == 30}
                    given = request(X[at : at + 10], raw=at != 10, sequence_id=name, **edges)
                    parts.append(values(call(channel, "ModelInfer", given)))
            alone = values(call(channel, "ModelInfer", request(X)))
        return [*map(np.concatenate, found.values()), alone]

    for found in in_thread(gru, client):
        np.testing.assert_allclose(found, gru.run(X), atol=1e-6)


def test_a_stream_of_requests_is_answered_in_its_order(gru: Model) -> None:
    """One that is wrong is an error of its own."""

    def client(place: str, http: str) -> Any:
        def requests() -> Iterator[Any]:
            for at in range(0, 40, 4):
                yield request(X[at : at + 4], sequence_id=1, sequence_start=at == 0, sequence_end=at == 36)
                if at == 8:
                    yield request(X[:1], sequence_id=2)

        answer = messages()["ModelStreamInferResponse"].FromString
        with grpc.insecure_channel(place) as channel:
            stream = channel.stream_stream(
                f"/{SERVICE}/ModelStreamInfer", messages()["ModelInferRequest"].SerializeToString, answer
            )
            return [*stream(requests())]

    said = in_thread(gru, client)
    errors = [one.error_message for one in said if one.error_message]
    assert len(said) == 11 and len(errors) == 1 and "sequence_start" in said[3].error_message
    parts = [values(one.infer_response) for one in said if not one.error_message]
    np.testing.assert_allclose(np.concatenate(parts), gru.run(X), atol=1e-6)


def test_what_a_server_says_of_itself(gru: Model) -> None:
    """Alive, ready, and what its tensors are; a token for everything else."""

    def client(place: str, http: str) -> Any:
        of = messages()
        with grpc.insecure_channel(place) as channel:
            said = [call(channel, f"Server{word}", of[f"Server{word}Request"]()) for word in ("Live", "Ready")]
            metadata = of["ModelMetadataRequest"](name="golden_gru")
            with pytest.raises(grpc.RpcError, match="UNAUTHENTICATED"):
                call(channel, "ModelMetadata", metadata)
            token = [("authorization", "Bearer word")]
            ready = call(channel, "ModelReady", of["ModelReadyRequest"](name="golden_gru"), metadata=token)
            version = call(channel, "ServerMetadata", of["ServerMetadataRequest"](), metadata=token).version
            assert version == rnnedge.__version__
            return *said, ready, call(channel, "ModelMetadata", metadata, metadata=token)

    live, server, ready, found = in_thread(gru, client, token="word")
    assert live.live and server.ready and ready.ready
    assert [(one.name, one.datatype, list(one.shape)) for one in found.inputs] == [("x", "FP32", [1, -1, 4])]


def test_what_is_no_request_is_refused_in_a_line(gru: Model) -> None:
    """The server goes on; a message that is too large, and bytes that are no message, too."""
    wrong = [request(X, model="other"), request(X[:, :3]), request(X), request(X), request(X, sequence_id=1.5)]
    wrong[2].inputs[0].shape[1] = 1 << 40
    wrong[3].raw_input_contents.append(b"more")
    empty = messages()["ModelInferRequest"](model_name="golden_gru")
    mixed = request(X, raw=False)
    mixed.inputs[0].contents.int_contents.append(3)
    text = request(X[:0], raw=False)
    text.inputs[0].contents.bytes_contents.append(b"word")

    def client(place: str, http: str) -> Any:
        said = []
        with grpc.insecure_channel(place) as channel:
            for given in [*wrong, empty, mixed, text]:
                with pytest.raises(grpc.RpcError) as error:
                    call(channel, "ModelInfer", given)
                said.append((error.value.code().name, error.value.details()))
            for data in (b"\xff" * 50, bytes(200_000), b"\x0a\xff\xff\xff\xff\x0f"):
                with pytest.raises(grpc.RpcError) as error:
                    channel.unary_unary(f"/{SERVICE}/ModelInfer", bytes, bytes)(data)
            with pytest.raises(grpc.RpcError, match="UNIMPLEMENTED"):
                channel.unary_unary(f"/{SERVICE}/RepositoryIndex", bytes, bytes)(b"")
            return said, values(call(channel, "ModelInfer", request(X)))

    said, right = in_thread(gru, client, message_bytes=100_000)
    assert {code for code, _ in said} == {"INVALID_ARGUMENT"} and all("\n" not in text for _, text in said), said
    np.testing.assert_allclose(right, gru.run(X), atol=1e-6)


def test_a_port_that_is_taken_is_told(gru: Model) -> None:
    """Before anything is served."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = ServeOptions(port=0, grpc_port=taken.getsockname()[1])
        with pytest.raises(InputError, match="cannot be listened on"):
            asyncio.run(serving(gru, options, print))


def test_tritons_own_client_holds_sequences(gru: Model) -> None:
    """As it sends them: one by one, and in a stream."""
    triton = pytest.importorskip("tritonclient.grpc", reason="needs tritonclient[grpc]")
    from examples.triton_sequences import sequences

    for found in in_thread(gru, lambda place, http: [*sequences(triton, place, "golden_gru", X)]):
        np.testing.assert_allclose(found, gru.run(X), atol=1e-6)
