"""A package that the runtime itself opens: its stream as a `Runner`."""

from __future__ import annotations

from collections.abc import Mapping

from rnnedge_export.packaging._proof import pushed
from rnnedge_runtime.contract import Array
from rnnedge_runtime.stream import Stream


class StreamRunner:
    """A `Runner` over a stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def push(self, frames: Mapping[str, Array]) -> Mapping[str, Array]:
        """As `Runner.push`."""
        return pushed(self._stream, frames)

    def reset(self) -> None:
        """As `Runner.reset`."""
        self._stream.reset()
