"""A span of OpenTelemetry for each round: spans of frames would cost more than the frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class Spans:
    """Those of a server; none without opentelemetry, or as long as the program has set no provider."""

    def __init__(self) -> None:
        self._tracer: Any = None
        try:
            from opentelemetry import trace
        except ImportError:
            return
        self._tracer = trace.get_tracer("rnnedge.serve")

    @contextmanager
    def round(self, frames: Mapping[str, int], streams: int, waited_s: float) -> Iterator[None]:
        """Around a round of so many frames of each model."""
        if self._tracer is None:
            yield
            return
        told = {"frames": sum(frames.values()), "models": [model[:16] for model in frames], "streams": streams}
        named = {f"rnnedge.{name}": value for name, value in {**told, "waited_s": waited_s}.items()}
        with self._tracer.start_as_current_span("rnnedge.round", attributes=named):
            yield
