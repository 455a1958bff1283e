"""KServe v2 over HTTP: Triton's own client holds sequences on the server; and what plain HTTP gets."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")

from serving import served

import rnnedge
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array

X = np.random.default_rng(2).standard_normal((40, 4)).astype(np.float32)
INFER = "/v2/models/golden_gru/infer"


def in_thread(model: Model, client: Callable[[str], Any], **options: Any) -> Any:
    """What `client(host:port)` gives, in a thread next to the server."""
    return served(model, lambda url: asyncio.to_thread(client, url.removeprefix("ws://")), **options)


def post(place: str, body: bytes | dict[str, Any], path: str = INFER, **headers: str) -> tuple[int, Any]:
    """Status and JSON of the answer."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urlopen(Request(f"http://{place}{path}", data, named)) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        with error:
            text = error.read()
            return error.code, json.loads(text) if text[:1] == b"{" else text.decode()


def tensor(x: Array, **more: Any) -> dict[str, Any]:
    """A request in JSON."""
    one = {"name": "x", "datatype": "FP32", "shape": [1, *x.shape], "data": x.reshape(-1).tolist()}
    return {"inputs": [one], "parameters": more}


def values(answer: Any) -> Array:
    """Of the first output."""
    (output,) = answer["outputs"]
    return np.array(output["data"], np.float32).reshape(output["shape"])[0]


def test_tritons_own_client_holds_sequences(gru: Model) -> None:
    """Two at once, as it sends them: bytes after JSON, numbers and text as their ids; compressed too."""
    http = pytest.importorskip("tritonclient.http", reason="needs tritonclient[http]")

    def client(place: str) -> Any:
        triton = http.InferenceServerClient(place)
        assert triton.is_server_live() and triton.is_server_ready() and triton.is_model_ready("golden_gru")
        assert triton.get_model_metadata("golden_gru")["inputs"] == [
            {"name": "x", "datatype": "FP32", "shape": [1, -1, 4]}
        ]
        found: dict[Any, list[Array]] = {7: [], "door": []}
        for at in range(0, 40, 10):
            for sequence, parts in found.items():
                x = X[at : at + 10] * (1 if sequence == 7 else 2)
                given = http.InferInput("x", [1, 10, 4], "FP32")
                given.set_data_from_numpy(x[None], binary_data=at != 10)
                edges = {"sequence_start": at == 0, "sequence_end": at == 30}
                outputs = [http.InferRequestedOutput("y", binary_data=False)] if at == 20 else None
                more = {"outputs": outputs, "request_compression_algorithm": "gzip" if at == 20 else None}
                said = triton.infer("golden_gru", [given], sequence_id=sequence, **edges, **more)
                parts.append(said.as_numpy("y")[0])
        return [np.concatenate(parts) for parts in found.values()]

    first, second = in_thread(gru, client)
    np.testing.assert_allclose(first, gru.run(X), atol=1e-6)
    np.testing.assert_allclose(second, gru.run(2 * X), atol=1e-6)


def test_every_page_is_answered(gru: Model) -> None:
    """Each that the server has, but that of sockets and those of the admin, who needs a token of its own."""
    from rnnedge.live.server.app import Server
    from rnnedge.live.server.changing import ChangeHere
    from rnnedge.live.server.options import ServeOptions
    from rnnedge.live.server.routes import STREAMS
    from rnnedge.live.stores.memory import MemoryStore

    def get(url: str) -> Any:
        with urlopen(url) as answer:
            return answer.status, answer.read()

    async def paths() -> list[str]:
        server = Server(gru, ServeOptions(), MemoryStore(60, 8), ChangeHere(None))
        table = [one for one in server.routes.table() if one.method == "GET" and one.path != STREAMS]
        server.hub.close()
        return [one.path.format(model="golden_gru", version=1) for one in table]

    wanted = asyncio.run(paths())
    assert {"/v2", "/health", "/v2/models/golden_gru/versions/1/config"} < {*wanted}
    found = in_thread(gru, lambda place: {path: get(f"http://{place}{path}") for path in wanted})
    assert {status for status, _ in found.values()} == {200}
    assert json.loads(found["/v2"][1])["version"] == rnnedge.__version__


def test_a_request_by_itself_is_a_whole_sequence(gru: Model) -> None:
    """Without a batch axis too; the next one does not know of it."""

    def client(place: str) -> Any:
        flat = tensor(X)
        flat["inputs"][0]["shape"] = [40, 4]
        return post(place, tensor(X)), post(place, flat)

    (status, first), (_, second) = in_thread(gru, client)
    assert status == 200 and second["outputs"][0]["shape"] == [40, 3]
    np.testing.assert_allclose(values(first), gru.run(X), atol=1e-6)
    np.testing.assert_allclose(np.ravel(second["outputs"][0]["data"]), gru.run(X).reshape(-1), atol=1e-6)


def test_a_sequence_is_kept_for_the_next_server(gru: Model, tmp_path: Path) -> None:
    """It goes on where it was; `sequence_start` begins it again, and one that was never begun is refused."""
    state = tmp_path / "state"
    begun = in_thread(gru, lambda place: post(place, tensor(X[:15], sequence_id=3, sequence_start=True)), state=state)

    def client(place: str) -> Any:
        rest = post(place, tensor(X[15:], sequence_id=3))
        again = [post(place, tensor(X[:5], sequence_id=3, sequence_start=True)) for _ in range(2)]
        return rest, again[1], post(place, tensor(X[:1], sequence_id=4)), post(place, tensor(X[:0], sequence_id=3))

    (_, rest), (_, again), (status, unknown), (_, none) = in_thread(gru, client, state=state)
    np.testing.assert_allclose(np.concatenate([values(begun[1]), values(rest)]), gru.run(X), atol=1e-6)
    np.testing.assert_allclose(values(again), gru.run(X[:5]), atol=1e-6)
    assert status == 400 and "sequence_start" in unknown["error"]
    assert none["outputs"][0]["shape"] == [1, 0, 3]


def test_requests_of_one_sequence_that_come_at_once_are_run_in_turn(gru: Model) -> None:
    """Each gets an answer, and none is lost."""

    async def client(url: str) -> int:
        place = url.removeprefix("ws://")
        await asyncio.to_thread(post, place, tensor(X[:1], sequence_id=1, sequence_start=True))
        said = await asyncio.gather(*(asyncio.to_thread(post, place, tensor(X[:1], sequence_id=1)) for _ in range(6)))
        return sum(status == 200 and answer["outputs"][0]["shape"] == [1, 1, 3] for status, answer in said)

    assert served(gru, client) == 6


def test_ids_are_numbers_or_text_and_no_two_are_one(gru: Model) -> None:
    """7 and "7" are two sequences, as they are for Triton."""

    def client(place: str) -> Any:
        begun = [post(place, tensor(X[:9], sequence_id=one, sequence_start=True)) for one in (7, "7")]
        return begun + [post(place, tensor(X[9:], sequence_id=one, sequence_end=True)) for one in ("7", 7)]

    first, second, *rest = (values(answer) for _, answer in in_thread(gru, client))
    for begin, end in zip((first, second), rest, strict=True):
        np.testing.assert_allclose(np.concatenate([begin, end]), gru.run(X), atol=1e-6)


def test_a_page_of_another_machine_may_not_post(gru: Model) -> None:
    """A browser lets any page post to a server of this machine."""

    def client(place: str) -> Any:
        return [post(place, tensor(X), Origin=o)[0] for o in ("https://example.org", "null", "http://localhost:5173")]

    assert in_thread(gru, client) == [403, 403, 200]


def test_what_is_no_request_is_an_error_of_its_own(gru: Model) -> None:
    """A line with what was expected; the server goes on."""
    good = tensor(X[:2])

    def changed(**fields: Any) -> dict[str, Any]:
        return {**good, "inputs": [{**good["inputs"][0], **fields}]}

    bad: list[Any] = [
        b"", b"{", b"[]", b"[" * 10_000, {"inputs": []}, {"inputs": [1]}, {"inputs": "x"}, changed(name="z"),
        changed(datatype="FP64"), changed(shape=[1, 2, 5]), changed(shape=[2, 2, 4]), changed(shape=[1, -2, 4]),
        changed(shape=[1, 1 << 40, 4]), changed(shape=[1, True, 4]), changed(shape=None), changed(data=[1, 2]),
        changed(data=["a"] * 8), changed(data=[[1, 2], [3]]), changed(data=None), changed(data=[True] * 8),
        changed(data=[1e400] * 8 + [0]), changed(data=[1e400] * 8), changed(data=[float("nan")] * 8),
        changed(parameters={"binary_data_size": 7}), changed(parameters=3),
        {**good, "outputs": [{"name": "z"}]}, {**good, "outputs": [3]}, {**good, "outputs": 3},
        {**good, "parameters": []}, tensor(X, sequence_id=[1]), tensor(X, sequence_id=True), tensor(X, sequence_id=1.5),
        tensor(X, sequence_id="x" * 1000), tensor(X, sequence_id=1, sequence_start=1),
        tensor(X, sequence_id=1, sequence_end="true"), changed(parameters={"binary_data_size": 32}),
        {**good, "outputs": [{"name": "y", "parameters": {"classification": 2}}]},
    ]  # fmt: skip

    def client(place: str) -> Any:
        said = [post(place, one) for one in bad]
        header = [post(place, b"{}", Inference_Header_Content_Length=size) for size in ("9", "-1", "x", "1" * 5000)]
        json_bytes = json.dumps(good).encode()
        header.append(post(place, json_bytes + bytes(32), Inference_Header_Content_Length=str(len(json_bytes))))
        packed = post(place, b"\x1f\x8bjunk", Content_Encoding="gzip")
        assert packed[0] == 400 and packed[1].count("\n") == 1
        others = [post(place, good, "/v2/models/other/infer"), post(place, good, f"{INFER[:-6]}/versions/2/infer")]
        large = post(place, b"x" * 60_000)
        return said + header, others, large, post(place, good)

    wrong, others, large, right = in_thread(gru, client, message_bytes=50_000)
    assert [status for status, _ in wrong] == [400] * len(wrong), wrong
    assert all("\n" not in answer["error"] for _, answer in wrong)
    assert [status for status, _ in others] == [404, 404] and large[0] == 413 and right[0] == 200


def test_clients_that_go_away_in_a_request_leave_no_trace(gru: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can connect could fill the log; the server goes on."""
    head = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{" % INFER.encode()

    def client(place: str) -> Any:
        host, port = place.split(":")
        key = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        upgrade = b"GET /v1/streams HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + key
        for sent in [head] * 4 + [upgrade + b"\r\n"] * 40:
            with socket.create_connection((host, int(port))) as gone:
                gone.sendall(sent)
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return post(place, tensor(X[:2]))

    told: list[object] = []
    monkeypatch.setattr(logging.Logger, "handle", lambda _, record: told.append(record.getMessage()))
    assert in_thread(gru, client)[0] == 200
    assert told == []
