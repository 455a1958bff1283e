"""One process for each core behind one port: streams are theirs, names and models are those of all."""

from rnnedge.live.workers.front import serve_with_workers

__all__ = ["serve_with_workers"]
