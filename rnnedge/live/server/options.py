"""The limits and policies of a server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from rnnedge_runtime.arguments import choice, file_path, integer, seconds, shown, text, texts
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.faults import Gap

FULL = ("drop-oldest", "drop-newest", "close")


@dataclass(frozen=True)
class ServeOptions:
    """What a server takes on, and what it does beyond that.

    `streams`, `sockets`: as many at most. `queue`: packets of a stream that wait at most; `full` says what a further
    one does. `answers`: of a stream that wait for a client that does not read; older are dropped. `tick_s`: how long
    a packet waits for others. `keep_s`: how long a named stream whose client went away waits for it. `state`: the file
    that named streams are written to at the end, and read from at the start; or `redis://host:port/db`, where they are
    kept. `snapshot_s`: how often that is done for streams that are open too, 0: only when they are left. `grpc_port`:
    for KServe over gRPC, None: nowhere.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    streams: int = 1024
    sockets: int = 1024
    queue: int = 32
    full: str = "drop-oldest"
    answers: int = 256
    tick_s: float = 0.005
    keep_s: float = 60.0
    message_bytes: int = 1 << 20
    gap: Gap = "hold"
    state: Path | str | None = None
    snapshot_s: float = 0.0
    token: str = ""
    admin_token: str = ""
    grpc_port: int | None = None
    origins: tuple[str, ...] = ()
    certificate: Path | None = None
    private_key: Path | None = None

    def __post_init__(self) -> None:
        """Raise `InputError` for what cannot be."""
        for name in ("streams", "sockets", "queue", "answers", "message_bytes"):
            integer(getattr(self, name), f"serve: {name}", 1)
        integer(self.port, "serve: port", 0, 65535)
        if self.grpc_port is not None:
            integer(self.grpc_port, "serve: grpc_port", 0, 65535)
        choice(self.full, "serve: full", FULL)
        choice(self.gap, "serve: gap", get_args(Gap))
        seconds(self.tick_s, "serve: tick_s")
        seconds(self.keep_s, "serve: keep_s")
        seconds(self.snapshot_s, "serve: snapshot_s")
        # To the system, nothing is every address of the machine.
        if not text(self.host, "serve: host").strip():
            raise InputError(f"serve: host: expected an address, found {shown(self.host)}; 0.0.0.0 is every one")
        for name in ("token", "admin_token"):
            given = text(getattr(self, name), f"serve: {name}")
            if given != given.strip() or not given.isprintable():
                raise InputError(f"serve: {name}: expected letters that a header can have, without blanks at its ends")
        for origin in texts(self.origins, "serve: origins"):
            # No page is asked from there, and all others are turned away.
            if not origin.strip():
                raise InputError("serve: origins: expected addresses of pages, found nothing; leave the empty one out")
        for name in ("state", "certificate", "private_key"):
            if getattr(self, name) is not None:
                file_path(getattr(self, name), f"serve: {name}")
