"""Live streams on a cluster of Ray, on the engine of `rnnedge serve`."""

from rnnedge.live.cluster.stream import ClusterStream
from rnnedge.live.cluster.streams import ClusterStreams
from rnnedge.live.server.options import ServeOptions

__all__ = ["ClusterStream", "ClusterStreams", "ServeOptions"]
