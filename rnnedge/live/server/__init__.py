"""A model behind a WebSocket: many streams in one pool, one tick for all of them."""

from rnnedge.live.server.app import serve
from rnnedge.live.server.options import ServeOptions
from rnnedge.live.server.workers import serve_with_workers

__all__ = ["ServeOptions", "serve", "serve_with_workers"]
