"""Another model for a server that runs: streams end where they began, new ones are on it, and back."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
import quickly
import torch

pytest.importorskip("websockets", reason="needs websockets")
pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")

from serving import numbered, served
from websockets.asyncio.client import connect

from rnnedge.live import Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.server.share import Share
from rnnedge_runtime import Model, load
from rnnedge_runtime.contract import Array

X = np.random.default_rng(3).standard_normal((30, 1)).astype(np.float32)
TOKEN = "of the admin"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two models alike, and one with another input."""
    folder, found = tmp_path_factory.mktemp("switch"), []
    for number, size in enumerate((1, 1, 2)):
        torch.manual_seed(number)
        path = folder / f"{number}.onnx"
        quickly.export(torch.nn.GRU(size, 3, batch_first=True), torch.zeros(1, 8, size), path)
        found.append(path)
    return found


def post(url: str, path: str, body: bytes = b"", token: str = TOKEN) -> tuple[int, str]:
    """Status and text."""
    request = Request(f"http{url[2:]}{path}", body, {"Authorization": f"Bearer {token}"})
    try:
        with urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def asked(url: str, path: str, body: bytes = b"", token: str = TOKEN) -> tuple[int, str]:
    """As `post`, next to the server."""
    return await asyncio.to_thread(post, url, path, body, token)


def on_two(model: Model, client: Callable[[str], Any], **options: Any) -> Any:
    """A server that may load others."""
    return served(model, client, load=lambda path: load(path, trust="strict"), admin_token=TOKEN, **options)


async def values(ws: Any, numbers: list[int], count: int) -> dict[int, Array]:
    """Of each stream, the first output of so many frames."""
    found: dict[int, list[Array]] = {number: [] for number in numbers}
    while any(sum(map(len, parts)) < count for parts in found.values()):
        message = await ws.recv()
        if isinstance(message, str):
            assert json.loads(message)["type"] == "opened", message
            continue
        for number, part in numbered(message):
            found[number].append(part)
    return {number: np.concatenate(parts) for number, parts in found.items()}


def solo(path: Path) -> Array:
    """What a stream of this file gives, its first output."""
    given = load(path).stream().push(X)
    return given if isinstance(given, np.ndarray) else next(iter(given.values()))


def test_streams_end_on_the_model_that_they_began_with(two: list[Path]) -> None:
    """Those of a socket advance in one message, whichever model each is on; and after a rollback."""
    model = load(two[0])
    form = FrameFormat(model.contract)

    async def client(url: str) -> tuple[list[Any], dict[int, Array]]:
        said = []
        async with connect(f"{url}/v1/streams") as ws:
            for number in (1, 2, 3):
                await ws.send(json.dumps({"type": "open", "stream": number}))
                await ws.recv()
                if number == 1:
                    said.append(await asked(url, "/v1/model", two[1].read_bytes()))
                if number == 2:
                    said.append(await asked(url, "/v1/model/rollback"))
            for at in range(0, 30, 10):
                packet = Packet(X[at : at + 10], at, at / 10)
                await ws.send(b"".join(form.encode(packet, number) for number in (1, 2, 3)))
            return said, await values(ws, [1, 2, 3], 30)

    said, found = on_two(model, client)
    assert [status for status, _ in said] == [200, 200]
    assert "1 streams end on another model" in said[0][1]
    for number, path in ((1, two[0]), (2, two[1]), (3, two[0])):
        np.testing.assert_allclose(found[number], solo(path), atol=1e-6)


def test_a_stream_comes_back_to_its_own_model(two: list[Path], tmp_path: Path) -> None:
    """As long as it is served: the one before is, for a rollback; and in the file of the next server."""
    state, model = tmp_path / "state", load(two[0])
    form = FrameFormat(model.contract)

    def part(begin: int, switch: bool) -> Callable[[str], Any]:
        async def client(url: str) -> Array:
            async with connect(f"{url}/v1/streams") as ws:
                await ws.send(json.dumps({"type": "open", "stream": 1, "id": "a", "resume": begin > 0}))
                await ws.send(form.encode(Packet(X[begin : begin + 10], begin, 0.0), 1))
                found = (await values(ws, [1], 10))[1]
            if switch:
                await asyncio.sleep(0.05)
                assert (await asked(url, "/v1/model", two[1].read_bytes()))[0] == 200
                return np.concatenate([found, await part(10, False)(url)])
            return found

        return client

    found = [on_two(model, part(0, True), state=state), on_two(model, part(20, False), state=state)]
    np.testing.assert_allclose(np.concatenate(found), solo(two[0]), atol=1e-6)


def test_what_cannot_be_served_in_its_place_is_refused(two: list[Path]) -> None:
    """Another input, the same model, junk, one that was changed, no token; the server goes on."""
    good = two[1].read_bytes()
    torch.manual_seed(1)
    at = good.index(torch.nn.GRU(1, 3).weight_hh_l0[0, 0].detach().numpy().tobytes())
    bad = {
        "inputs": two[2].read_bytes(), "is the model": two[0].read_bytes(), "": b"", " ": b"junk" * 100,
        "  ": good[:-10], "   ": good[:at] + np.float32(9).tobytes() + good[at + 4 :],
    }  # fmt: skip

    async def client(url: str) -> Any:
        said = [await asked(url, "/v1/model", body) for body in bad.values()]
        others = [await asked(url, "/v1/model/rollback"), await asked(url, "/v1/model", good, "guess")]
        return said, others, await asked(url, "/v1/model", good)

    said, others, right = on_two(load(two[0]), client)
    assert [status for status, _ in said] == [400] * len(bad), said
    for words, (_, text) in zip(bad, said, strict=True):
        assert words.strip() in text and text.count("\n") == 1
    assert [status for status, _ in others] == [400, 403] and right[0] == 200


def test_two_models_share_the_new_streams(two: list[Path]) -> None:
    """A stream is on one of them by its name, however often it begins; without one it is in turn; each is counted."""
    model, others = load(two[0]), [solo(path)[:10] for path in two[:2]]
    form = FrameFormat(model.contract)

    async def models(url: str, names: list[str]) -> list[int]:
        async with connect(f"{url}/v1/streams") as ws:
            for number, name in enumerate(names):
                await ws.send(json.dumps({"type": "open", "stream": number, "id": name}))
                assert json.loads(await ws.recv())["type"] == "opened"
            await ws.send(b"".join(form.encode(Packet(X[:10], 0, 0.0), number) for number in range(len(names))))
            given = await values(ws, [*range(len(names))], 10)
            for number in range(len(names)):
                await ws.send(json.dumps({"type": "close", "stream": number}))
                await ws.recv()
        both = [[np.allclose(given[number], other, atol=1e-6) for other in others] for number in range(len(names))]
        assert all(sum(one) == 1 for one in both)
        return [one.index(True) for one in both]

    async def client(url: str) -> Any:
        names, new = [f"device {number}" for number in range(60)], two[1].read_bytes()
        found = {}
        for share in ("0.25", "0.5", "1"):
            said = [await asked(url, f"/v1/model?share={share}", new)]
            found[share] = [await models(url, names), await models(url, names), await models(url, [""] * 40)]
        bad = [await asked(url, f"/v1/model?share={share}", new) for share in ("0", "2", "x", "nan", "1")]
        text = await asyncio.to_thread(lambda: urlopen(f"http{url[2:]}/metrics").read().decode())
        described = json.loads(await asyncio.to_thread(lambda: urlopen(f"http{url[2:]}/v1/model").read()))
        await asked(url, "/v1/model/rollback")
        return found, said, bad, text, described, await models(url, names)

    found, said, bad, text, described, back = on_two(model, client)
    for share, (named, again, unnamed) in found.items():
        # Four standard deviations of as many throws of a coin.
        assert named == again and abs(sum(named) - 60 * float(share)) <= 4 * np.sqrt(60 * 0.25)
        assert abs(sum(unnamed) - 40 * float(share)) <= 1
    few, half, _ = (np.array(named) for named, *_ in found.values())
    assert (few <= half).all() and said[0][0] == 200 and back == [0] * 60
    assert [status for status, _ in bad] == [400] * 5
    digests = [load(path).digest for path in two[:2]]
    opened = {one: float(n) for one, n in re.findall(r'^rnnedge_model_opened_total{model="(\w+)"} (\S+)', text, re.M)}
    assert sum(opened.values()) == 3 * 160 and opened[digests[1][:16]] == sum(map(sum, chain(*found.values())))
    frames = {one: float(n) for one, n in re.findall(r'^rnnedge_model_frames_total{model="(\w+)"} (\S+)', text, re.M)}
    assert frames == {one: 10 * count for one, count in opened.items()}
    assert described["shares"] == {digests[1]: 1.0}


def test_a_model_shares_with_another_one(two: list[Path]) -> None:
    """Not with itself: a server that serves one model has nothing to give the rest of the streams to."""

    async def client(url: str) -> Any:
        said = [await asked(url, f"/v1/model?share={share}", two[0].read_bytes()) for share in ("0.5", "1")]
        described = json.loads(await asyncio.to_thread(lambda: urlopen(f"http{url[2:]}/v1/model").read()))
        return said, described["shares"]

    said, shares = on_two(model := load(two[0]), client)
    assert [status for status, _ in said] == [400, 400] and all("is the model" in text for _, text in said)
    assert shares == {model.digest: 1.0}


def test_names_fill_a_share_as_chance_does() -> None:
    """Within four standard deviations; a name in a share is in every larger one."""
    names = [f"door/{number}" for number in range(4000)]
    before = np.zeros(4000, bool)
    for size in (0.01, 0.1, 0.5, 0.9, 1.0):
        taken = np.array([*map(Share(size).takes, names)])
        assert abs(taken.sum() - 4000 * size) <= 4 * np.sqrt(4000 * size * (1 - size))
        assert (before <= taken).all()
        before = taken
