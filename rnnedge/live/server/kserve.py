"""KServe v2 over HTTP, as Triton's client library speaks it: a request by itself, or the next one of a sequence.

A sequence is a stream of the server: it shares the pool with those of WebSockets, and is kept if the server stops.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rnnedge.live.protocol import Packet
from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.served import Result, ServedStream
from rnnedge.live.server.tensors import InferRequest, described_tensors, parse_request, request_of, response
from rnnedge.live.server.told import told
from rnnedge.live.session import Outputs
from rnnedge.live.stores import NothingKept
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError, RnnEdgeError

_VERSION = "1"
# What the names of streams begin with that are sequences.
_NAMED = "sequence "
_HEADER = "Inference-Header-Content-Length"


@dataclass(eq=False)
class _Caller:
    """Who waits for the outputs of a stream; requests of a sequence come one after the other."""

    stream: ServedStream | None = None
    found: list[Outputs] = field(default_factory=list)
    answer: asyncio.Future[Result] | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    idle: asyncio.TimerHandle | None = None

    def tell(self, result: Result) -> None:
        self.found += result.outputs
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(result)


class KServe:
    """The routes of the protocol for one server."""

    def __init__(self, hub: Hub, name: str, frames: FrameFormat) -> None:
        self.hub, self._frames = hub, frames
        self.name = Path(name).stem
        self._callers: dict[str, _Caller] = {}

    def table(self) -> list[Any]:
        """For an application of aiohttp."""
        from aiohttp import web

        routes = [
            web.get("/v2", self._server),
            web.get("/v2/health/live", self._live),
            web.get("/v2/health/ready", self._ready),
        ]
        for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
            routes += [
                web.get(path, self._metadata),
                web.get(f"{path}/ready", self._ready),
                web.get(f"{path}/config", self._config),
                web.post(f"{path}/infer", self._infer),
            ]
        return routes

    async def _server(self, request: Any) -> Any:
        return _json(self.server_metadata())

    async def _live(self, request: Any) -> Any:
        return _json({"live": True})

    async def _ready(self, request: Any) -> Any:
        if (refused := self._other(request)) is not None:
            return refused
        ready = not self.hub.draining
        return _json({"name": self.name, "ready": ready}, 200 if ready else 503)

    async def _metadata(self, request: Any) -> Any:
        if (refused := self._other(request)) is not None:
            return refused
        contract = self.hub.contract
        tensors = {
            "inputs": list(described_tensors(contract.inputs)),
            "outputs": list(described_tensors(contract.outputs)),
        }
        return _json({**self.head(), **tensors})

    async def _config(self, request: Any) -> Any:
        if (refused := self._other(request)) is not None:
            return refused
        batching = {"max_sequence_idle_microseconds": int(self.hub.options.keep_s * 1e6)}
        return _json({"name": self.name, "platform": "onnxruntime_onnx", "sequence_batching": batching})

    async def _infer(self, request: Any) -> Any:
        if (refused := self._other(request)) is not None:
            return refused
        contract, header = self.hub.contract, request.headers.get(_HEADER)
        try:
            body = await request.read()
            names = [port.name for port in contract.outputs]
            asked = parse_request(body, header, self._frames, contract.inputs[0], names)
            outputs = await self.infer(asked)
        except RnnEdgeError as error:
            self.hub.metrics.errors.inc()
            return _json({"error": told(error, self.hub.model.name)}, 503 if self.busy else 400)
        fields = {"model_name": self.name, "model_version": _VERSION}
        fields |= {"id": asked.id} if asked.id else {}
        data, size = response(fields, outputs, asked.wanted)
        return _answer(data, size)

    @property
    def busy(self) -> bool:
        """Whether another server had better be asked."""
        return self.hub.draining or self.hub.full

    def server_metadata(self) -> dict[str, Any]:
        """What a server says of itself."""
        from rnnedge import __version__

        return {"name": "rnnedge", "version": __version__, "extensions": ["sequence", "binary_tensor_data"]}

    def head(self) -> dict[str, Any]:
        """What it says of its model, but for the tensors."""
        return {"name": self.name, "versions": [_VERSION], "platform": "onnxruntime_onnx"}

    def check(self, model: str, version: str) -> None:
        """Raise `InputError` for another model, or version."""
        if model != self.name or version not in ("", _VERSION):
            found = f"{model[:100]!r} version {version[:20]}"
            raise InputError(f"expected model {self.name!r} version {_VERSION}, found {found}")

    def asked(self, fields: dict[str, Any], data: bytes) -> InferRequest:
        """As `request_of`, of this model."""
        contract = self.hub.contract
        return request_of(fields, data, self._frames, contract.inputs[0], [port.name for port in contract.outputs])

    async def infer(self, asked: InferRequest) -> dict[str, Array]:
        """The outputs (frames, ...) of a request, which waits for its turn in its sequence. Raises `InputError`.

        It is run to its end though nobody waits for it any more: the next one would get its answer.
        """
        return await asyncio.shield(self._in_its_turn(asked))

    async def _in_its_turn(self, asked: InferRequest) -> dict[str, Array]:
        if not asked.sequence:
            return await self._turn(_Caller(), asked, True, True)
        caller = self._callers.setdefault(asked.sequence, _Caller())
        caller.users += 1
        try:
            async with caller.turn:
                return await self._turn(caller, asked, asked.start, asked.end)
        finally:
            caller.users -= 1
            self._rest(asked.sequence, caller)

    async def _turn(self, caller: _Caller, asked: InferRequest, start: bool, end: bool) -> dict[str, Array]:
        """Frames in, outputs out; a stream that begins with `start`, and ends with `end`."""
        if caller.idle is not None:
            caller.idle.cancel()
        if start and caller.stream is not None:
            await self.hub.release(caller.stream)
            caller.stream = None
        if caller.stream is None:
            caller.stream = await self._begin(caller, asked, start)
        if self.hub.draining:
            raise InputError("draining; ask another server")
        caller.found, caller.answer = [], asyncio.get_running_loop().create_future()
        stream = caller.stream
        # One without frames ends a sequence that has got all of them.
        self.hub.submit(stream, Packet(asked.frames, stream.coming, time.time()))
        stream.coming += len(asked.frames)
        if end:
            self.hub.submit(stream, None)
        result = await caller.answer
        if result.error or result.finished:
            caller.stream = None
        if result.error:
            raise InputError(result.error)
        return self._joined(caller.found, asked.batched)

    async def _begin(self, caller: _Caller, asked: InferRequest, start: bool) -> ServedStream:
        name = f"{_NAMED}{asked.sequence}" if asked.sequence else ""
        try:
            stream, _ = await self.hub.open(name, not start, caller.tell)
        except NothingKept as error:
            raise InputError(f"{name}: not begun here; send its first frames with sequence_start") from error
        return stream

    def _joined(self, found: list[Outputs], batched: bool) -> dict[str, Array]:
        outputs = {}
        for port in self.hub.contract.outputs:
            shape = (0, *(int(d) for d in port.frame_shape))
            values = [np.empty(shape, port.dtype), *(one.values for one in found if one.name == port.name)]
            whole = np.concatenate(values)
            outputs[port.name] = whole[None] if batched else whole
        return outputs

    def _rest(self, name: str, caller: _Caller) -> None:
        """Nobody asks for the sequence now: it waits for a while, and is then put aside as that of a socket is."""
        if caller.users:
            return
        if caller.stream is None:
            self._callers.pop(name, None)
            return
        loop = asyncio.get_running_loop()
        caller.idle = loop.call_later(self.hub.options.keep_s, lambda: loop.create_task(self._leave(name, caller)))

    async def leave(self, name: str) -> bool:
        """Put a stream of the server aside, if it is a sequence that nobody asks for now; whether that was so."""
        sequence = name.removeprefix(_NAMED)
        caller = self._callers.get(sequence)
        return name.startswith(_NAMED) and caller is not None and await self._leave(sequence, caller)

    async def _leave(self, name: str, caller: _Caller) -> bool:
        if caller.users or caller.stream is None:
            return False
        stream, caller.stream = caller.stream, None
        self._callers.pop(name, None)
        await self.hub.release(stream)
        return True

    def _other(self, request: Any) -> Any:
        """The answer to who asks for another model; None if it is this one."""
        model, version = request.match_info.get("model", self.name), request.match_info.get("version", _VERSION)
        try:
            self.check(model, version)
        except InputError as error:
            return _json({"error": str(error)}, 404)
        return None


def _json(fields: dict[str, Any], status: int = 200) -> Any:
    from aiohttp import web

    return web.Response(text=json.dumps(fields), status=status, content_type="application/json")


def _answer(data: bytes, header: int) -> Any:
    from aiohttp import web

    if header == len(data):
        return web.Response(body=data, content_type="application/json")
    return web.Response(body=data, headers={_HEADER: str(header)}, content_type="application/octet-stream")
