"""Spans of OpenTelemetry: one for each round."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

pytest.importorskip("prometheus_client", reason="needs prometheus-client")
sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="needs opentelemetry-sdk")

from rnnedge.live import Packet  # noqa: E402
from rnnedge.live.server import ServeOptions  # noqa: E402
from rnnedge.live.server.hub import Hub  # noqa: E402
from rnnedge.live.server.metrics import Metrics  # noqa: E402
from rnnedge_runtime import Model  # noqa: E402


@pytest.mark.parametrize("before", [True, False])
def test_each_round_is_a_span(gru: Model, monkeypatch: pytest.MonkeyPatch, before: bool) -> None:
    """With its frames, streams and models, and how long the oldest packet had waited; as soon as who listens is set."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    found, provider = InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(found))
    # The program may set it once only.
    listen = lambda: monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)  # noqa: E731

    async def run() -> None:
        if before:
            listen()
        hub = Hub(gru, ServeOptions(), Metrics())
        if not before:
            await hub.round()
            listen()
        streams = [(await hub.open("", False, lambda result: None))[0] for _ in range(3)]
        for count in (1, 2):
            for stream in streams[:count]:
                hub.submit(stream, Packet(np.zeros((5, 4), np.float32), stream.coming, 0.0))
                stream.coming += 5
            await hub.round()
        hub.close()

    asyncio.run(run())
    spans = found.get_finished_spans()
    assert [span.name for span in spans] == ["rnnedge.round"] * 2
    assert [span.attributes["rnnedge.frames"] for span in spans] == [5, 10]
    assert all(span.attributes["rnnedge.streams"] == 3 for span in spans)
    assert all(span.attributes["rnnedge.models"] == (gru.digest[:16],) for span in spans)
    assert all(span.attributes["rnnedge.waited_s"] >= 0 for span in spans)
