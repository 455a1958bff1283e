"""One stream of a server: what waits of it, and who is told what became of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from rnnedge.live.protocol import Packet, Sequence
from rnnedge.live.session import Outputs, Stamps
from rnnedge_runtime import Member


class RecordSink(Protocol):
    """Who takes answers as records: a socket."""

    def put_records(self, data: bytes, count: int) -> None:
        """`count` records, one after the other."""


@dataclass(eq=False)
class ServedStream:
    """One stream: its place in the pool, what waits for the next round, and where it stands.

    Made by `StreamTable.open`; `tell` gets the result of each round, and `records` the outputs if they are wanted as
    records, under `number`. `None` in `waiting` is the end; `rows` more packets, of before, are rows of batches.
    `model`: the digest of its model. `coming`: the number of a packet that says none. `ending`: its client sends no
    more. `mended`: frames with a NaN or an infinity, for which the last finite number stood.
    """

    member: Member
    place: int
    model: str
    id: str
    sequence: Sequence
    stamps: Stamps
    tell: Callable[[Result], None]
    waiting: deque[Packet | None] = field(default_factory=deque)
    rows: int = 0
    number: int = 0
    coming: int = 0
    records: RecordSink | None = None
    open: bool = True
    ending: bool = False
    mended: int = 0


@dataclass(frozen=True, eq=False)
class Result:
    """What a round made of one stream: outputs, and why it ended if it did."""

    outputs: list[Outputs]
    error: str = ""
    finished: bool = False
