"""A pool that threads and tasks share: requests wait up to `max_wait_s` to be batched."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from threading import Lock, current_thread, main_thread
from time import monotonic
from typing import Any, Generic

import numpy as np

from rnnedge_runtime.arguments import instance, seconds
from rnnedge_runtime.context import checked_context
from rnnedge_runtime.faults import Event, Gap, NonFinite
from rnnedge_runtime.frames import Frames, Out, checked_inputs, in_ranges
from rnnedge_runtime.pool._member import Member
from rnnedge_runtime.pool._request import MakeGood, Request
from rnnedge_runtime.pool._worker import Worker


class Batcher(Worker, Generic[Out]):
    """Shares a `StreamPool` among any number of threads and tasks; made by `StreamPool.batcher`, closed by `with`.

    One thread runs rounds. A round takes the next request of every member that has one, and runs when all members have
    one, or when the first of them has waited `max_wait_s`, or would miss its deadline. A member's requests keep their
    order. While a batcher is open, the pool is used through it alone.

    Frames that a full queue drops, or whose future is cancelled in time, become a gap of their sequence, by the
    member's policy, right before its next request: the results of that one begin with what the gap gives.
    """

    _kind = "batcher"
    _elsewhere = "make one of the same file there, by load(path) in each process"

    @property
    def counters(self) -> Counter[str]:
        """How many requests were submitted, completed, dropped, failed, and completed late, after their deadline.

        `submitted` = `completed` + `dropped` + `failed` + those that wait or run. A cancelled one counts as dropped.
        """
        self._check_here()
        with self._lock:
            return self._counters.copy()

    def join(
        self,
        name: str = "",
        *,
        non_finite: NonFinite = "reject",
        gap: Gap = "reset",
        on_event: Callable[[Event], None] | None = None,
        context: Mapping[str, object] | None = None,
    ) -> Member:
        """As `StreamPool.join`; waits for the round in progress. `on_event` is called by the batcher's thread."""
        self._may_wait()
        with self._using:
            here = set(self._pool.members)
            try:
                return self._pool.join(name, non_finite=non_finite, gap=gap, on_event=on_event, context=context)
            except BaseException:
                # An exception may come when it is in, and nobody has it yet.
                for member in set(self._pool.members) - here:
                    self._pool.leave(member)
                raise

    def submit(self, member: Member, frames: Frames, deadline_s: float | None = None) -> Future[Out]:
        """Queue the next frames of a member; the future gives what `Stream.push` would. The frames are copied.

        `deadline_s`: seconds from now within which the result is wanted.
        Raises `InputError` for a wrong shape or dtype and after `close`. The future raises what `StreamPool.push`
        raises, and `Dropped` where a full queue let these frames go. Where the policy is to block, `submit` waits.
        """
        request = self._request(member, frames, deadline_s)
        try:
            self._send(request)
            return request.future
        except BaseException:
            self._take_back(request)
            raise

    def push(self, member: Member, frames: Frames, deadline_s: float | None = None) -> Out:
        """`submit`, and wait for the result; an exception that comes meanwhile takes the frames back, run or not."""
        self._may_wait()
        request = self._request(member, frames, deadline_s)
        request.ring = ring = Lock()
        # Where handlers of signals run; to be able to undo a round takes microseconds.
        request.undoable = current_thread() is main_thread()
        try:
            ring.acquire()
            self._send(request)
            ring.acquire()
            if request.error is None:
                found: Out = request.result
                return found
        except BaseException:
            self._take_back(request)
            raise
        raise request.error

    async def apush(self, member: Member, frames: Frames, deadline_s: float | None = None) -> Out:
        """`submit`, and await the result; other tasks run meanwhile, also while the queue is full.

        To cancel the task takes the frames back, unless they run already.
        """
        request = self._request(member, frames, deadline_s)
        loop = asyncio.get_running_loop()
        while True:
            room = asyncio.Event()
            with self._lock:
                added = self._add(request)
                if not added:
                    self._asking.append(partial(loop.call_soon_threadsafe, room.set))
            # No task waits with the lock held.
            self._answer_dropped()
            if added:
                return await asyncio.wrap_future(request.future)
            await room.wait()

    def gap(self, member: Member, frames: int) -> Future[Out]:
        """`StreamPool.gap`, after what the member has queued."""
        return self._do(member, partial(self._pool.gap, member, frames), "before")

    def finish(self, member: Member) -> Future[Out]:
        """`StreamPool.finish`, after what the member has queued."""
        return self._do(member, partial(self._pool.finish, member), "before")

    def reset(self, member: Member) -> Future[None]:
        """`StreamPool.reset`, after what the member has queued."""
        return self._do(member, partial(self._pool.reset, member), "never")

    def set_context(self, member: Member, context: Mapping[str, object]) -> Future[None]:
        """`StreamPool.set_context`, after what the member has queued. The values are copied."""
        given = checked_context(context, self._pool.contract, 1, "set_context")
        return self._do(member, partial(self._pool.set_context, member, given), "later")

    def leave(self, member: Member) -> Future[None]:
        """`StreamPool.leave`, after what the member has queued."""
        return self._do(member, partial(self._pool.leave, member), "never")

    def snapshot(self, member: Member) -> Future[bytes]:
        """`StreamPool.snapshot`, after what the member has queued."""
        return self._do(member, partial(self._pool.snapshot, member), "later")

    def restore(self, member: Member, data: bytes, name: str = "snapshot") -> Future[None]:
        """`StreamPool.restore`, after what the member has queued."""
        return self._do(member, partial(self._pool.restore, member, data, name), "never")

    def __enter__(self) -> Batcher[Out]:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """`close`."""
        self.close()

    def _request(self, member: Member, frames: Frames, deadline_s: float | None) -> Request:
        self._check_here()
        _check_member(member)
        given: Frames
        if self._pool.plain(frames):
            given = one = frames.copy()
            arrays = {self._pool.contract.inputs[0].name: one}
        else:
            with member.named():
                given = arrays = checked_inputs(frames, self._pool.contract, 1)
            one = next(iter(arrays.values()))
        good = all(np.isfinite(array).all() for array in arrays.values()) and in_ranges(arrays, self._pool.contract)
        now = monotonic()
        deadline = None if deadline_s is None else now + seconds(deadline_s, "batcher: deadline_s")
        return Request(member, given, len(one), now + self._max_wait_s, deadline, solo=not good)

    def _do(self, member: Member, action: Callable[[], Any], make_good: MakeGood) -> Future[Any]:
        self._check_here()
        _check_member(member)
        request = Request(member, None, 0, monotonic(), action=action, make_good=make_good)
        try:
            self._send(request)
            return request.future
        except BaseException:
            self._take_back(request)
            raise


def _check_member(member: Member) -> None:
    instance(member, "batcher: member", Member, remedy="use one that join gave")
