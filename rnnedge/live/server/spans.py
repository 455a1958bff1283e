"""A span of OpenTelemetry for each round: spans of frames would cost more than the frames."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any


class Spans:
    """Those of a server; none without opentelemetry, or as long as the program has set no provider."""

    def __init__(self) -> None:
        self._tracer: Any = None
        with suppress(ImportError):
            from opentelemetry import trace

            self._tracer, self._trace = trace.get_tracer("rnnedge.serve"), trace

    def round(self, frames: Mapping[str, int], streams: int, waited_s: float) -> AbstractContextManager[Any]:
        """Around a round of that many frames of each model."""
        if self._tracer is None or self._unheard:
            return nullcontext()
        told = {"frames": sum(frames.values()), "models": [model[:16] for model in frames], "streams": streams}
        named = {f"rnnedge.{name}": value for name, value in {**told, "waited_s": waited_s}.items()}
        span: AbstractContextManager[Any] = self._tracer.start_as_current_span("rnnedge.round", attributes=named)
        return span

    @property
    def _unheard(self) -> bool:
        """Whether there is no provider yet: a span that goes nowhere takes as long as ten frames."""
        proxy, provider = self._trace.ProxyTracer, self._trace.ProxyTracerProvider
        return isinstance(self._tracer, proxy) and isinstance(self._trace.get_tracer_provider(), provider)
