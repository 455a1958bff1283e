"""KServe v2 over gRPC, as Triton's client library speaks it; its sequences are those of HTTP."""

from __future__ import annotations

import hmac
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from rnnedge.live.protocol import in_url
from rnnedge.live.server.grpc_messages import SERVICE, messages
from rnnedge.live.server.kserve import KServe
from rnnedge.live.server.options import ServeOptions
from rnnedge.live.server.tensors import KINDS, InferRequest, described_tensors
from rnnedge.live.server.told import told
from rnnedge_runtime.errors import InputError, MissingExtra, RnnEdgeError

_METHODS = ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")


@asynccontextmanager
async def grpc_serving(kserve: KServe, options: ServeOptions, shared: bool = False) -> AsyncIterator[int]:
    """Answer on `options.grpc_port` inside; gives the port. With `shared`, other workers answer on the same one.

    Raises `InputError` if the port is taken, `MissingExtra` without grpcio.
    """
    # Its core writes what a stranger sends, and what fails, to the terminal by itself.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        import grpc
    except ImportError as error:
        raise MissingExtra("serve over gRPC needs grpcio; pip install 'rnnedge[grpc]'") from error
    service, most = GrpcService(kserve, options), options.message_bytes
    limits = [("grpc.max_receive_message_length", most), ("grpc.max_send_message_length", -1)]
    server = grpc.aio.server(options=[*limits, ("grpc.so_reuseport", int(shared))])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, service.handlers()),))
    place = f"{in_url(options.host)}:{options.grpc_port}"
    try:
        if options.certificate is None:
            port = server.add_insecure_port(place)
        else:
            files = (options.private_key or options.certificate, options.certificate)
            key, certificate = (path.read_bytes() for path in files)
            port = server.add_secure_port(place, grpc.ssl_server_credentials([(key, certificate)]))
        await server.start()
    except (RuntimeError, OSError) as error:
        raise InputError(
            f"serve: {place}: cannot be listened on (it is taken, or no address of this machine)"
        ) from error
    try:
        yield port
    finally:
        await server.stop(1.0)


class GrpcService:
    """The methods; each is told what was asked, and how to refuse it."""

    def __init__(self, kserve: KServe, options: ServeOptions) -> None:
        self._kserve, self._token, self._messages = kserve, options.token, messages()

    def handlers(self) -> dict[str, Any]:
        """For a server of grpcio."""
        import grpc

        found = {}
        for name in _METHODS:
            read, answer = self._messages[f"{name}Request"], self._messages[f"{name}Response"]
            found[name] = grpc.unary_unary_rpc_method_handler(
                self._guarded(getattr(self, f"_{_snake(name)}"), name), read.FromString, answer.SerializeToString
            )
        read, answer = self._messages["ModelInferRequest"], self._messages["ModelStreamInferResponse"]
        found["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(
            self._model_stream_infer, read.FromString, answer.SerializeToString
        )
        return found

    def _guarded(self, method: Any, name: str) -> Any:
        import grpc

        async def call(request: Any, context: Any) -> Any:
            if not name.startswith(("ServerLive", "ServerReady")):
                await self._check_token(context)
            try:
                return await method(request)
            except RnnEdgeError as error:
                busy = self._kserve.busy
                code = grpc.StatusCode.UNAVAILABLE if busy else grpc.StatusCode.INVALID_ARGUMENT
                await context.abort(code, self._failed(error))

        return call

    async def _check_token(self, context: Any) -> None:
        import grpc

        given = str(dict(context.invocation_metadata() or ()).get("authorization", "")).removeprefix("Bearer ")
        if self._token and not hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode()):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "expected authorization: Bearer TOKEN")

    def _failed(self, error: RnnEdgeError) -> str:
        self._kserve.hub.metrics.errors.inc()
        return told(error, self._kserve.hub.model.name)

    async def _server_live(self, request: Any) -> Any:
        return self._messages["ServerLiveResponse"](live=True)

    async def _server_ready(self, request: Any) -> Any:
        return self._messages["ServerReadyResponse"](ready=not self._kserve.hub.draining)

    async def _model_ready(self, request: Any) -> Any:
        self._kserve.check(request.name, request.version)
        return self._messages["ModelReadyResponse"](ready=not self._kserve.hub.draining)

    async def _server_metadata(self, request: Any) -> Any:
        return self._messages["ServerMetadataResponse"](**self._kserve.server_metadata())

    async def _model_metadata(self, request: Any) -> Any:
        self._kserve.check(request.name, request.version)
        contract, fields = self._kserve.hub.contract, self._kserve.head()
        tensors = {"inputs": described_tensors(contract.inputs), "outputs": described_tensors(contract.outputs)}
        return self._messages["ModelMetadataResponse"](**fields, **{name: [*found] for name, found in tensors.items()})

    async def _model_infer(self, request: Any) -> Any:
        self._kserve.check(request.model_name, request.model_version)
        asked = self._asked(request)
        outputs = await self._kserve.sequences.infer(asked)
        found = self._messages["ModelInferResponse"](model_name=self._kserve.name, model_version="1", id=asked.id)
        for name in asked.wanted:
            values = outputs[name]
            found.outputs.add(name=name, datatype=KINDS[values.dtype.name], shape=values.shape)
            found.raw_output_contents.append(values.astype(values.dtype.newbyteorder("<")).tobytes())
        return found

    async def _model_stream_infer(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """One answer to each request, in their order; an error is that of its request."""
        await self._check_token(context)
        answer = self._messages["ModelStreamInferResponse"]
        async for request in requests:
            try:
                yield answer(infer_response=await self._model_infer(request))
            except RnnEdgeError as error:
                yield answer(error_message=self._failed(error), infer_response={"id": request.id})

    def _asked(self, request: Any) -> InferRequest:
        """Raises `InputError` for what is no request."""
        raw = request.raw_input_contents
        if raw and len(raw) != len(request.inputs):
            raise InputError(f"infer: expected raw contents of {len(request.inputs)} inputs, found {len(raw)}")
        inputs = []
        for number, one in enumerate(request.inputs):
            tensor: dict[str, Any] = {"name": one.name, "datatype": one.datatype, "shape": list(one.shape)}
            if raw:
                tensor["parameters"] = {"binary_data_size": len(raw[number])}
            else:
                tensor["data"] = _contents(one.contents)
            inputs.append(tensor)
        outputs = [{"name": one.name, "parameters": _parameters(one.parameters)} for one in request.outputs]
        given = {"id": request.id, "inputs": inputs, "outputs": outputs}
        return self._kserve.asked({**given, "parameters": _parameters(request.parameters)}, b"".join(raw))


def _contents(found: Any) -> list[Any]:
    """The numbers of a tensor that are not sent as bytes."""
    for _, values in found.ListFields():
        return list(values)
    return []


def _parameters(found: Any) -> dict[str, Any]:
    return {key: getattr(one, kind) for key, one in found.items() if (kind := one.WhichOneof("parameter_choice"))}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
