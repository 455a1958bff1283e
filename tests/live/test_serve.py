"""The server, with real sockets: every stream gets what it gives by itself, however its frames come."""

from __future__ import annotations

import asyncio
import json
from copy import copy
from dataclasses import replace
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs websockets")
pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")

from serving import in_json, numbered, open_stream, outputs, served
from websockets.asyncio.client import connect

from examples.serve_client import records, stream
from rnnedge.live import Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array

X = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)


def test_the_client_of_the_examples_gets_what_a_stream_gives(gru: Model) -> None:
    """Every frame, with its number and time."""

    async def client(url: str) -> Any:
        return await asyncio.to_thread(lambda: [*stream(url, X, 100.0, 7)])

    found = served(gru, client)
    np.testing.assert_allclose(np.concatenate([values for *_, values in found]), gru.stream().push(X), atol=1e-6)
    for _, first, time_s, _ in found:
        assert abs(time_s - first / 100) < 1e-9


def test_streams_of_one_socket_are_not_mixed(gru: Model) -> None:
    """Fifty of them, which advance together, with packets of other lengths each."""
    random = np.random.default_rng(1)
    given = {number: random.standard_normal((30, 4)).astype(np.float32) for number in range(1, 51)}
    form = FrameFormat(gru.contract)

    async def client(url: str) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = {number: [] for number in given}
        async with connect(f"{url}/v1/streams") as ws:
            for number in given:
                assert (await open_stream(ws, number))["type"] == "opened"
            for at in range(0, 30, 10):
                await ws.send(b"".join(form.encode(Packet(x[at : at + 10], at, 0.0), n) for n, x in given.items()))
            while sum(len(v) for parts in found.values() for v in parts) < 1500:
                for number, values in numbered(await ws.recv()):
                    found[number].append(values)
        return found

    found = served(gru, client)
    for number, x in given.items():
        np.testing.assert_allclose(np.concatenate(found[number]), gru.stream().push(x), atol=1e-6)


def test_numbers_that_are_left_out_are_a_gap(gru: Model) -> None:
    """And what comes twice is taken once."""

    async def client(url: str) -> Array:
        async with connect(f"{url}/v1/streams") as ws:
            for message in (in_json(X[:10]), in_json(X[5:10], 5), in_json(X[13:], 13)):
                await ws.send(message)
            return await outputs(ws, 40)

    direct = gru.stream(gap="hold")
    expected = np.concatenate([direct.push(X[:10]), direct.gap(3), direct.push(X[13:])])
    np.testing.assert_allclose(served(gru, client), expected, atol=1e-6)


def test_frames_without_a_number_are_counted_as_they_come(gru: Model) -> None:
    """Also several messages of one round, which a broker that delivers twice does not send."""

    async def client(url: str) -> Array:
        async with connect(f"{url}/v1/streams") as ws:
            for x in X:
                await ws.send(json.dumps({"type": "frames", "frames": [x.tolist()]}))
            return await outputs(ws, 40)

    np.testing.assert_allclose(served(gru, client, queue=64), gru.stream().push(X), atol=1e-6)


def test_frames_after_the_end_of_their_stream_are_told(gru: Model) -> None:
    """As JSON and as records, alone and with those of a stream that goes on: none is lost in silence."""
    form = FrameFormat(gru.contract)
    late = [form.encode(Packet(X[:5], 0, 0.0), number) for number in (1, 2)]

    async def client(url: str) -> Any:
        async with connect(f"{url}/v1/streams") as ws:
            await open_stream(ws, 1)
            await open_stream(ws, 2)
            await ws.send(in_json(X[:5], number=1))
            await ws.send(json.dumps({"type": "finish", "stream": 1}))
            for message in (in_json(X[:5], 5, 1), json.dumps({"type": "finish", "stream": 1}), late[0], b"".join(late)):
                await ws.send(message)
            said: list[Any] = []
            while not any(isinstance(one, bytes) for one in said) or len(said) < 7:
                said.append(await ws.recv())
            return [records(one) if isinstance(one, bytes) else json.loads(one) for one in said]

    said = served(gru, client)
    told = [one for one in said if isinstance(one, dict)]
    errors = [one["message"] for one in told if one["type"] == "error"]
    assert len(errors) == 4 and all("wait for the answer" in error or "not open" in error for error in errors)
    assert [one["frames"] for one in told if one["type"] == "outputs"] == [[*range(5)]]
    assert "finished" in [one["type"] for one in told]
    (others,) = (list(one) for one in said if not isinstance(one, dict))
    np.testing.assert_allclose(others[0][3], gru.stream().push(X[:5]), atol=1e-6)


def test_frames_without_a_number_follow_those_of_a_message_of_many(gru: Model) -> None:
    """They are not taken for a source that begins again."""
    form = FrameFormat(gru.contract)

    async def client(url: str) -> Any:
        async with connect(f"{url}/v1/streams") as ws:
            for number in (1, 2):
                await open_stream(ws, number)
            await ws.send(b"".join(form.encode(Packet(X[:10], 0, 0.0), number) for number in (1, 2)))
            await ws.send(json.dumps({"type": "frames", "stream": 1, "frames": X[10:20].tolist()}))
            found: list[Any] = []
            while sum(map(len, found)) < 20:
                message = await ws.recv()
                if isinstance(message, str):
                    found.append(json.loads(message)["values"])
                else:
                    found += [part for number, part in numbered(message) if number == 1]
            return np.concatenate(found)

    np.testing.assert_allclose(served(gru, client), gru.stream().push(X[:20]), atol=1e-6)


def test_frames_with_a_nan_are_counted(gru: Model) -> None:
    """The number before stands in their place, and the metrics say how often."""
    bad = X[:6].copy()
    bad[[1, 4], 2] = np.nan, np.inf

    async def client(url: str) -> Any:
        async with connect(f"{url}/v1/streams") as ws:
            await ws.send(FrameFormat(gru.contract).encode(Packet(bad, 0, 0.0)))
            while not isinstance(message := await ws.recv(), bytes):
                continue
            found = np.concatenate([part for _, part in numbered(message)])
        metrics = url.replace("ws://", "http://") + "/metrics"
        for _ in range(1000):
            text = await asyncio.to_thread(lambda: urlopen(metrics).read().decode())
            if "rnnedge_streams 0.0" in text:
                break
        return found, text

    found, text = served(gru, client, keep_s=0.0)
    mended = bad.copy()
    mended[[1, 4], 2] = bad[[0, 3], 2]
    np.testing.assert_allclose(found, gru.stream().push(mended), atol=1e-6)
    assert "rnnedge_mended_frames_total 2.0" in text


@pytest.mark.parametrize("scores", ["softmax", "raw"])
def test_a_server_says_what_its_values_are(gru: Model, scores: str) -> None:
    """Its answers are what the network gives; which labels they are of, and what makes probabilities, is asked."""
    width = gru.contract.outputs[0].frame_shape[0]
    loaded = copy(gru.loaded)
    loaded.contract = replace(gru.contract, labels=tuple("abcdefgh"[:width]), provenance={"scores": scores})

    async def client(url: str) -> Any:
        return await asyncio.to_thread(lambda: json.load(urlopen(f"http{url[2:]}/v1/model")))

    said = served(Model(loaded), client)
    assert said["labels"] == list("abcdefgh"[:width]) and said["outputs"][0]["scores"] == scores
