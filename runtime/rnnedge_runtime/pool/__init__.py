"""Many streams of one model that advance together."""

from rnnedge_runtime.pool._member import Member
from rnnedge_runtime.pool._stream_pool import StreamPool

__all__ = ["Member", "StreamPool"]
