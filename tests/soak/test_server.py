"""A server for ten minutes: clients stall, vanish and return, it is drained and its model is switched in the middle.

A few seconds in CI; ten minutes and 300 streams with `RNNEDGE_SOAK=full`, as `make soak` sets it.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest
import quickly
import torch

pytest.importorskip("websockets", reason="needs websockets")
pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("prometheus_client", reason="needs prometheus-client")

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from examples.serve_client import records
from rnnedge.live import Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.server import ServeOptions
from rnnedge.live.server.app import serving
from rnnedge_runtime import Model, load
from rnnedge_runtime.contract import Array

FULL = os.environ.get("RNNEDGE_SOAK") == "full"
SECONDS, SOCKETS, STREAMS, FRAMES = (600.0, 60, 5, 400) if FULL else (2.5, 4, 4, 24)
# Packets of a stream that wait for an answer at most, and how often a client stalls or vanishes, of its packets.
WINDOW, STALLS, VANISHES = 8, 0.01, 0.02
TOKEN = "of the admin"


class Net(torch.nn.Module):
    """Looks one frame ahead, and remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gru = torch.nn.Conv1d(2, 4, 3, padding=1), torch.nn.GRU(4, 3, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.gru(self.conv(x.transpose(1, 2)).transpose(1, 2))[0]


@dataclass(eq=False)
class Told:
    """One sequence of frames, and what came back of it by the number of the frame."""

    name: str
    x: Array
    begun_s: float
    opened_s: float = 0.0
    sent: int = 0
    got: dict[int, Array] = field(default_factory=dict)
    # Frames that the server had run as the client came back, and whose answers had not come: no others may be missing.
    unheard: set[int] = field(default_factory=set)
    ready: bool = False
    ending: bool = False
    done: bool = False


@dataclass
class Run:
    """What the clients share: where the server is, and when they end."""

    form: FrameFormat
    url: str = ""
    ends_s: float = 0.0
    told: list[Told] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def now(self) -> float:
        return asyncio.get_running_loop().time()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two models alike."""
    found = [tmp_path_factory.mktemp("soak") / f"{number}.onnx" for number in range(2)]
    for number, path in enumerate(found):
        torch.manual_seed(number)
        quickly.export(Net(), torch.zeros(1, 16, 2), path)
    return found


async def client(run: Run, number: int) -> None:
    """One socket after the other, with streams that go on where they were."""
    luck = random.Random(number)
    streams: dict[int, Told] = {}
    while run.now() < run.ends_s or any(not one.done for one in streams.values()):
        with suppress(WebSocketException, OSError):
            async with connect(f"{run.url}/v1/streams", compression=None) as socket:
                await _until_it_vanishes(run, number, luck, streams, socket)
        await asyncio.sleep(luck.random() * 0.1)


async def _until_it_vanishes(run: Run, number: int, luck: random.Random, streams: dict[int, Told], socket: Any) -> None:
    for place in range(STREAMS):
        old = streams.get(place)
        if old is None or old.done:
            if run.now() > run.ends_s:
                continue
            x = np.random.default_rng([number, len(run.told)]).standard_normal((FRAMES, 2)).astype(np.float32)
            streams[place] = old = Told(f"{number}-{place}-{len(run.told)}", x, run.now())
            run.told.append(old)
        old.ready, resume = False, old.sent > 0
        await socket.send(json.dumps({"type": "open", "stream": place, "id": old.name, "resume": resume}))
    reader = asyncio.create_task(_read(run, streams, socket))
    try:
        while not all(one.done for one in streams.values()):
            if reader.done():
                return
            if luck.random() < STALLS:
                await asyncio.sleep(0.5)
            if luck.random() < VANISHES:
                # Without a word.
                socket.transport.abort()
                return
            await _send(run, luck, streams, socket)
            await asyncio.sleep(0.02)
    finally:
        reader.cancel()
        with suppress(asyncio.CancelledError, WebSocketException):
            await reader


async def _send(run: Run, luck: random.Random, streams: dict[int, Told], socket: Any) -> None:
    """The next frames of each, in one message of records, or as JSON."""
    size, parts = luck.choice((1, 1, 1, 3)), []
    for place, one in streams.items():
        if one.done or one.ending or not one.ready or one.sent - len(one.got.keys() | one.unheard) > WINDOW:
            continue
        frames = one.x[one.sent : one.sent + size]
        packet = Packet(frames, one.sent, one.sent / 10)
        one.sent += len(frames)
        if len(frames) and place == 0:
            fields = {"first": packet.first, "time_s": packet.time_s, "frames": frames.tolist()}
            await socket.send(json.dumps({"type": "frames", "stream": place, **fields}))
        elif len(frames):
            parts.append(run.form.encode(packet, place))
        else:
            one.ending = True
            await socket.send(json.dumps({"type": "finish", "stream": place}))
    if parts:
        await socket.send(b"".join(parts))


async def _read(run: Run, streams: dict[int, Told], socket: Any) -> None:
    async for message in socket:
        if isinstance(message, bytes):
            at = 0
            for _, first, _, values in records(message):
                one = streams[int.from_bytes(message[at + 4 : at + 8], "little")]
                one.got |= {first + i: value for i, value in enumerate(values)}
                at += 36 + values.nbytes
            continue
        said = json.loads(message)
        one = streams[said.get("stream") or 0]
        if said["type"] == "outputs":
            one.got |= dict(zip(said["frames"], np.array(said["values"], np.float32), strict=True))
        elif said["type"] == "opened":
            one.sent, one.ready, one.ending = said["next"] or 0, True, False
            one.unheard = {*range(one.sent)} - one.got.keys()
            one.opened_s = one.opened_s or run.now()
        elif said["type"] == "finished":
            one.done = True
        elif one.ending and "nothing to resume" in said["message"]:
            # It had ended, and that was not heard either.
            one.done, one.unheard = True, {*range(FRAMES)}
        elif "nothing to resume" in said["message"] and not one.got:
            # What it had sent was lost with the connection, all of it: it begins again.
            one.sent = 0
            socket.transport.abort()
        elif "in another place" in said["message"]:
            # The server has not noticed yet that the client vanished.
            socket.transport.abort()
        elif "draining" not in said.get("message", ""):
            run.errors.append(f"{one.name}: {message[:200]}, {one.sent} sent, {len(one.got)} got")
            # It would wait for ever.
            one.done = True


async def served(
    model: Path, run: Run, folder: Path, middle: Callable[[], Awaitable[None]], others: list[str]
) -> Model:
    """A server as long as `middle` takes; its lines of metrics at the end."""
    loaded, stop, begun = load(model), asyncio.Event(), asyncio.get_running_loop().create_future()
    options = ServeOptions(port=0, tick_s=0.002, keep_s=3600, state=folder / "state", admin_token=TOKEN)
    told = lambda said: begun.done() or begun.set_result(said.split()[-1].removesuffix("/v1/streams"))  # noqa: E731
    server = asyncio.create_task(serving(loaded, options, told, stop, load))
    run.url = await begun
    await middle()
    others.append(await asyncio.to_thread(lambda: urlopen(f"http{run.url[2:]}/metrics").read().decode()))
    stop.set()
    await server
    return loaded


@pytest.mark.slow
@pytest.mark.timeout(7200 if FULL else 300)
def test_nothing_is_lost_or_mixed(two: list[Path], tmp_path: Path) -> None:
    """Every stream is what it is alone, whatever its client and the server did meanwhile."""
    models = [load(path) for path in two]
    run, metrics = Run(FrameFormat(models[0].contract)), list[str]()
    asked_s = switched_s = 0.0

    async def whole() -> None:
        run.ends_s = run.now() + SECONDS
        clients: list[asyncio.Task[None]] = []

        async def first() -> None:
            clients.extend(asyncio.create_task(client(run, number)) for number in range(SOCKETS))
            await asyncio.sleep(SECONDS * 0.4)

        async def second() -> None:
            nonlocal asked_s, switched_s
            await asyncio.sleep(SECONDS * 0.2)
            asked_s = run.now()
            request = Request(f"http{run.url[2:]}/v1/model", two[1].read_bytes(), {"Authorization": f"Bearer {TOKEN}"})
            await asyncio.to_thread(lambda: urlopen(request).read())
            switched_s = run.now()
            await asyncio.gather(*clients)

        for middle in (first, second):
            await served(two[0], run, tmp_path, middle, metrics)

    asyncio.run(whole())
    assert not run.errors
    counts = {name: sum(float(n) for text in metrics for n in re.findall(rf"^rnnedge_{name}_total (\S+)$", text, re.M))
              for name in ("lost_frames", "dropped_frames", "dropped_answers", "switches")}  # fmt: skip
    assert counts == {"lost_frames": 0, "dropped_frames": 0, "dropped_answers": 0, "switches": 1}
    # One that was opened meanwhile is on one of them.
    expected = {one.name: [one.opened_s < asked_s, one.begun_s > switched_s] for one in run.told}
    assert [True, False] in expected.values() and [False, True] in expected.values()
    for one in run.told:
        frames = sorted(one.got)
        assert one.done and {*range(FRAMES)} - one.got.keys() <= one.unheard, one.name
        values = np.stack([one.got[frame] for frame in frames])
        own = [np.abs(values - model.run(one.x)[frames]).max() < 1e-6 for model in models]
        assert sum(own) == 1 and (own == expected[one.name] or not any(expected[one.name])), one.name
    unheard = sum(FRAMES - len(one.got) for one in run.told)
    print(f"\n{len(run.told)} sequences of {FRAMES} frames, {unheard} answers not heard")
