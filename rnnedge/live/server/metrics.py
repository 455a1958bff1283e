"""What a server counts, for Prometheus; per round or packet, not per frame."""

from __future__ import annotations

from typing import Any

from rnnedge_runtime.errors import MissingExtra


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
        self.streams = Gauge("streams", "Streams that are open", **within)
        self.sockets = Gauge("sockets", "Sockets that are open", **within)
        self.frames = Counter("frames", "Frames that were run", **within)
        self.lost = Counter("lost_frames", "Frames that never came, or were dropped", **within)
        self.dropped = Counter("dropped_frames", "Frames that came while the queue was full", **within)
        self.unread = Counter("dropped_answers", "Answers that were dropped because the client did not read", **within)
        self.refused = Counter("refused_streams", "Streams that were refused because the server was full", **within)
        self.switches = Counter("switches", "How often another model was served", **within)
        self.errors = Counter("errors", "Messages and streams that ended in an error", **within)
        self.round_s = Histogram("round_seconds", "Time of one round of the pool", **within)
        self.waited_s = Histogram("waited_seconds", "How long the oldest packet of a round waited for it", **within)

    def text(self) -> bytes:
        """In the format of Prometheus."""
        from prometheus_client import generate_latest

        return bytes(generate_latest(self._registry))
