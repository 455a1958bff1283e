"""Serve a file over WebSocket: many streams, one pool. SIGTERM ends it, and named streams go on after the next start.

A socket at /v1/streams takes one stream or many, as JSON or as binary records. /health and /ready are for a balancer,
/metrics for Prometheus, and /v2 for clients of KServe and Triton. A token that clients have to show is read from the
environment variable RNNEDGE_TOKEN; with that of RNNEDGE_ADMIN_TOKEN another model may be posted to /v1/model.

**Examples:**

- `rnnedge serve words.onnx --port 8000`
- `rnnedge serve words.onnx --host 0.0.0.0 --streams 500 --state /var/lib/rnnedge/streams.json`
- `rnnedge serve words.onnx --workers 4 --snapshot-s 1`
- `rnnedge serve words.onnx --state redis://localhost:6379/0 --snapshot-s 1`
- `rnnedge serve words.onnx --grpc-port 8001`
- `RNNEDGE_TOKEN=secret rnnedge serve net.onnx --tls-cert cert.pem --tls-key key.pem`
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from rnnedge.cli._model_file import ModelFile
from rnnedge.cli._opening import Device, Opening, with_fields
from rnnedge.cli._options import written_file
from rnnedge.cli._output import JsonOption
from rnnedge.cli._words import one_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rnnedge_runtime import Model


def _state(given: str | None) -> str | None:
    from rnnedge.live.stores import is_redis

    return given if given is None or is_redis(given) else str(written_file(given))


@with_fields
def command(
    file: ModelFile,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0: any that is free.", min=0, max=65535)] = 8000,
    streams: Annotated[int, typer.Option(help="Streams at most; bench --streams measures how many.", min=1)] = 1024,
    sockets: Annotated[int, typer.Option(help="Sockets at most.", min=1)] = 1024,
    queue: Annotated[int, typer.Option(help="Packets of a stream that wait at most.", min=1)] = 32,
    full: Annotated[
        str,
        typer.Option(
            help="If they do: drop-oldest, drop-newest or close.",
            **one_of(lambda: ("drop-oldest", "drop-newest", "close")),
        ),
    ] = "drop-oldest",
    tick_ms: Annotated[float, typer.Option(help="How long frames wait for those of others.", min=0)] = 5.0,
    gap: Annotated[
        str,
        typer.Option(help="What lost frames become: hold, zero or reset.", **one_of(lambda: ("hold", "zero", "reset"))),
    ] = "hold",
    keep_s: Annotated[float, typer.Option(help="How long a named stream waits for its client.", min=0)] = 60.0,
    state: Annotated[
        str | None,
        typer.Option(
            callback=_state,
            metavar="PATH",
            help="Where named streams are kept: a file, for the next run, or redis://host/0.",
        ),
    ] = None,
    snapshot_s: Annotated[
        float, typer.Option(help="How often streams that are open are kept too, in seconds; 0: never.", min=0)
    ] = 0.0,
    workers: Annotated[int, typer.Option(help="Processes behind the port; 0: one for each core.", min=0)] = 1,
    grpc_port: Annotated[
        int | None, typer.Option(help="A port for KServe over gRPC too; 0: any that is free.", min=0, max=65535)
    ] = None,
    origin: Annotated[list[str] | None, typer.Option(help="Take browsers from these origins only. Repeatable.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="A certificate (PEM), for wss://.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key.")] = None,
    *,
    device: Device,
    opening: Opening,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from functools import partial

    from rnnedge.cli._output import print_json, say
    from rnnedge.cli._outputs import check_outputs
    from rnnedge.live.server import ServeOptions, serve
    from rnnedge.live.stores import file_of
    from rnnedge.live.workers import serve_with_workers
    from rnnedge_runtime import load
    from rnnedge_runtime.cores import cores
    from rnnedge_runtime.faults import Gap

    check_outputs({"--state": file_of(state)}, [file, opening.key, tls_cert, tls_key])
    options = ServeOptions(
        host=host,
        port=port,
        streams=streams,
        sockets=sockets,
        queue=queue,
        full=full,
        tick_s=tick_ms / 1000,
        keep_s=keep_s,
        gap=cast("Gap", gap),
        state=state,
        snapshot_s=snapshot_s,
        grpc_port=grpc_port,
        token=_token("RNNEDGE_TOKEN"),
        admin_token=_token("RNNEDGE_ADMIN_TOKEN"),
        origins=tuple(origin or ()),
        certificate=tls_cert,
        private_key=tls_key,
    )

    # Functions that another process can import.
    opened: Callable[..., Model] = partial(load, **device.asked, **vars(opening))  # type: ignore[arg-type]
    # Its own name is that of a temporary file, and nobody exported it here.
    signed_as = opening.signed_as or (file.name if opening.key else None)
    posted = partial(opened, trust=opening.trust or "strict", signed_as=signed_as)
    if workers == 1:
        serve(opened(file), options, say, posted)
    else:
        serve_with_workers(file, options, workers or cores(), say, opened, posted)
    if json:
        print_json("serve", {"file": str(file), "state": state})


def _token(variable: str) -> str:
    """What a variable of the environment says; one that is empty was meant to be a secret, and lets nobody in."""
    from rnnedge_runtime.errors import InputError

    found = os.environ.get(variable)
    if found is not None and not found.strip():
        raise InputError(f"{variable}: expected a token, found nothing; unset it to serve without one")
    return found or ""
