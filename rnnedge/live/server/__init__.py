"""A model behind a WebSocket: many streams in one pool, one tick for all of them."""

from rnnedge.live.server.app import serve
from rnnedge.live.server.options import ServeOptions

__all__ = ["ServeOptions", "serve"]
