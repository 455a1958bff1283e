"""Many streams of one model that advance together."""

from rnnedge_runtime.pool.member import Member
from rnnedge_runtime.pool.pool import StreamPool

__all__ = ["Member", "StreamPool"]
