"""Many sequences of one model, of which those that have frames advance in one batched call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnedge_runtime.frames import Out
from rnnedge_runtime.pool._batched_pool import BatchedPool

if TYPE_CHECKING:
    from rnnedge_runtime.pool._batcher import Batcher
    from rnnedge_runtime.pool._request import Full


class StreamPool(BatchedPool[Out]):
    """Many sequences of one model; created by `Model.pool`, used by one owner; a `Batcher` shares it.

    Members join and leave at any time. Each gets what it would get from a `Stream` of its own, whatever its neighbours
    do. Those to which a `push` gives equally many frames run together. Where a member does something else, its first
    calls in a network with a delay, a fault, its end, it runs by itself. `batched` is False, and every member runs by
    itself, where the file couples the sequences of a batch: frame numbers, or quantization over the whole batch.
    """

    def batcher(self, max_wait_s: float = 0.005, *, queue: int = 4, full: Full = "block") -> Batcher[Out]:
        """Share the pool among threads and tasks: requests wait up to `max_wait_s` seconds to be batched.

        Of each member at most `queue` pushes wait; what a further one does is `full`: "block" waits for room,
        "drop-oldest" drops the one that waits longest, "drop-newest" itself. Raises `InputError` for bad settings.
        """
        from rnnedge_runtime.pool._batcher import Batcher

        return Batcher(self, max_wait_s, queue, full)
