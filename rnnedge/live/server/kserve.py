"""KServe v2 over HTTP, as Triton's client library speaks it: a request by itself, or the next one of a sequence.

A sequence is a stream of the server: it shares the pool with those of WebSockets, and is kept if the server stops.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.kserve_sequences import KServeSequences
from rnnedge.live.server.tensors import InferRequest, described_tensors, parse_request, request_of, response
from rnnedge.live.server.told import told
from rnnedge_runtime.errors import InputError, RnnEdgeError

_VERSION = "1"
_HEADER = "Inference-Header-Content-Length"


class KServe:
    """The routes of the protocol for one server."""

    def __init__(self, hub: Hub, name: str, frames: FrameFormat) -> None:
        self.hub, self._frames, self.sequences = hub, frames, KServeSequences(hub)
        self.name = Path(name).stem

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
            outputs = await self.sequences.infer(asked)
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
