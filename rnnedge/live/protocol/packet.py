"""Frames with a number and a time, and the two seams: where they come from, where decisions go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from rnnedge_runtime.contract import Array


@dataclass(frozen=True, eq=False)
class Packet:
    """Consecutive frames of a source.

    `frames`: (time, ...) of the model's input, or samples of sound float32 (time,). `first`: the number of the first
    of them; a source counts what it sends from any number on, and a number that is left out is a lost frame.
    `time_s`: when the first of them was taken, in seconds; Unix time for what is live, from 0 for a recording.
    """

    frames: Array
    first: int
    time_s: float


EVENT_COLUMNS = ("event", "label", "time_s", "score", "duration_s")
"""The fields of an event's row; that of a beginning has no duration."""

PATIENCE_S = 10.0
"""How long a sink waits for a reader that takes nothing."""


class Source(Protocol):
    """Where frames come from; made by `open_source`, read once by one thread.

    `name` is what messages call it. `samples_hz`: the rate of the samples if it gives sound, None if it gives frames of
    the model. `live`: frames come at their own pace, and are lost if they are not taken in time.
    """

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def samples_hz(self) -> float | None:
        """Samples per second, or None for frames of the model."""

    @property
    def live(self) -> bool:
        """Whether frames come at their own pace."""

    def packets(self) -> Iterator[Packet]:
        """Packets as they come, until the source ends or is closed. Raises `InputError` if it fails."""

    def close(self) -> None:
        """Release it; a thread that waits in `packets` is let go. May be called twice."""


class Sink(Protocol):
    """Where rows go; made by `open_sink`, used by one thread."""

    def send(self, row: Mapping[str, Any]) -> None:
        """One prediction or event, as fields that JSON can hold. Raises `InputError` if it cannot be delivered."""

    def close(self) -> None:
        """Deliver what waits, and release it."""
