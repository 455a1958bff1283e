"""What a server counts, for Prometheus; per round or packet, not per frame."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from rnnedge_runtime.errors import MissingExtra

# The variable with the folder in which prometheus_client counts for several processes.
WORKERS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# Of a digest, as it is shown.
_DIGITS = 16


class Metrics:
    """One server's figures, in a registry of their own."""

    def __init__(self) -> None:
        """Raises `MissingExtra` without prometheus-client."""
        try:
            from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
        except ImportError as error:
            raise MissingExtra("serve needs prometheus_client; pip install 'rnnedge[serve]'") from error
        self._registry = CollectorRegistry()
        within: Any = {"registry": self._registry, "namespace": "rnnedge"}
        gauge: Any = {**within, "multiprocess_mode": "livesum"}
        self.streams = Gauge("streams", "Streams that are open", **gauge)
        self.sockets = Gauge("sockets", "Sockets that are open", **gauge)
        self.frames = Counter("frames", "Frames that were run", **within)
        by = ("model",)
        self._streams_of = Gauge("model_streams", "Streams that are open, by the digest of their model", by, **gauge)
        self._opened_of = Counter(
            "model_opened", "Streams that were opened, by the digest of their model", by, **within
        )
        self._frames_of = Counter("model_frames", "Frames that were run, by the digest of their model", by, **within)
        self._failed_of = Counter(
            "model_errors", "Streams that ended in an error, by the digest of their model", by, **within
        )
        self.lost = Counter("lost_frames", "Frames that never came, or were dropped", **within)
        self.mended = Counter("mended_frames", "Frames with a NaN or an infinity", **within)
        self.dropped = Counter("dropped_frames", "Frames that came while the queue was full", **within)
        self.unread = Counter("dropped_answers", "Answers that were dropped because the client did not read", **within)
        self.refused = Counter("refused_streams", "Streams that were refused because the server was full", **within)
        self.snapshots = Counter("snapshots", "Snapshots of streams that were open", **within)
        self.switches = Counter("switches", "How often another model was served", **within)
        self.errors = Counter("errors", "Messages and streams that ended in an error", **within)
        self.round_s = Histogram("round_seconds", "Time of one round of the pool", **within)
        self.waited_s = Histogram("waited_seconds", "How long the oldest packet of a round waited for it", **within)

    def opened(self, model: str, streams: int) -> None:
        """A stream of the model with this digest was opened; `streams` are open now."""
        self.streams.set(streams)
        self._streams_of.labels(model[:_DIGITS]).inc()
        self._opened_of.labels(model[:_DIGITS]).inc()

    def left(self, model: str, streams: int) -> None:
        """One is not open any more."""
        self.streams.set(streams)
        self._streams_of.labels(model[:_DIGITS]).dec()

    def failed(self, model: str) -> None:
        """A stream of it ended in an error."""
        self._failed_of.labels(model[:_DIGITS]).inc()

    def ran(self, frames: Mapping[str, int]) -> None:
        """A round ran that many frames of each model."""
        self.frames.inc(sum(frames.values()))
        for model, count in frames.items():
            self._frames_of.labels(model[:_DIGITS]).inc(count)

    def text(self) -> bytes:
        """In the format of Prometheus; of all workers, if there are some."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        if not os.environ.get(WORKERS_FOLDER):
            return bytes(generate_latest(self._registry))
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return bytes(generate_latest(together))
