"""A pool that threads and tasks share: what they push waits for company, at most so long, and runs together."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

import numpy as np

from rnnedge_runtime.arguments import instance, seconds
from rnnedge_runtime.errors import InputError, OwnerError
from rnnedge_runtime.faults import Event, Gap, NonFinite
from rnnedge_runtime.frames import Frames, checked_inputs
from rnnedge_runtime.ownership import StaysHere, forked_away, refuse_in_child
from rnnedge_runtime.pool.member import Member
from rnnedge_runtime.pool.pool import StreamPool
from rnnedge_runtime.pool.request import Full, MakeGood, Request, Waiting, dropped
from rnnedge_runtime.pool.rounds import Outcome, Rounds

_COSTS_KEPT = 16


class Batcher(StaysHere):
    """Shares a `StreamPool` among any number of threads and tasks; made by `StreamPool.batcher`, closed by `with`.

    One thread runs rounds. A round takes the next request of every member that has one, and runs when all members have
    one, or when the first of them has waited `max_wait_s`, or would miss its deadline. A member's requests keep their
    order. While a batcher is open, the pool is used through it alone.

    Frames that a full queue drops, or whose future is cancelled in time, become a gap of their sequence, by the
    member's policy, right before its next request: the results of that one begin with what the gap gives.
    """

    _kind = "batcher"
    _elsewhere = "make one of the same file there, by load(path) in each process"

    def __init__(self, pool: StreamPool, max_wait_s: float, queue: int, full: Full) -> None:
        """Used by `StreamPool.batcher`."""
        max_wait_s = seconds(max_wait_s, "batcher: max_wait_s")
        self._waiting, self._rounds = Waiting(queue, full), Rounds(pool)
        self._pool, self._max_wait_s, self._queue = pool, max_wait_s, queue
        self._counters: Counter[str] = Counter()
        # Seconds that the latest rounds took: so much before a deadline the round has to begin.
        self._costs = deque([0.0], maxlen=_COSTS_KEPT)
        self._changed = threading.Condition()
        self._using = threading.Lock()
        self._wakes = float("inf")
        # Told when there may be room in a full queue.
        self._asking: list[Callable[[], object]] = []
        self._closing = False
        self._check_here: Callable[[], object] = _here
        forked_away(self)
        atexit.register(self.close)
        self._thread = threading.Thread(target=self._work, name="rnnedge batcher", daemon=True)
        self._thread.start()

    @property
    def counters(self) -> Counter[str]:
        """How many requests were submitted, completed, dropped, failed, and completed late, after their deadline.

        `submitted` = `completed` + `dropped` + `failed` + those that wait or run. A cancelled one counts as dropped.
        """
        self._check_here()
        with self._changed:
            return self._counters.copy()

    def join(
        self,
        name: str = "",
        *,
        non_finite: NonFinite = "reject",
        gap: Gap = "reset",
        on_event: Callable[[Event], None] | None = None,
    ) -> Member:
        """As `StreamPool.join`; waits for the round in progress. `on_event` is called by the batcher's thread."""
        self._may_wait()
        with self._using:
            return self._pool.join(name, non_finite=non_finite, gap=gap, on_event=on_event)

    def submit(self, member: Member, frames: Frames, deadline_s: float | None = None) -> Future[Frames]:
        """Queue the next frames of a member; the future gives what `Stream.push` would. The frames are copied.

        `deadline_s`: seconds from now within which the result is wanted.
        Raises `InputError` for a wrong shape or dtype and after `close`. The future raises what `StreamPool.push`
        raises, and `Dropped` where a full queue let these frames go. Where the policy is to block, `submit` waits.
        """
        request = self._request(member, frames, deadline_s)
        with self._changed:
            while not self._add(request):
                self._may_wait()
                self._changed.wait()
        return request.future

    def push(self, member: Member, frames: Frames, deadline_s: float | None = None) -> Frames:
        """`submit`, and wait for the result."""
        self._may_wait()
        return self.submit(member, frames, deadline_s).result()

    async def apush(self, member: Member, frames: Frames, deadline_s: float | None = None) -> Frames:
        """`submit`, and await the result; other tasks run meanwhile, also while the queue is full.

        To cancel the task takes the frames back, unless they run already.
        """
        request = self._request(member, frames, deadline_s)
        loop = asyncio.get_running_loop()
        while True:
            room = asyncio.Event()
            with self._changed:
                added = self._add(request)
                if not added:
                    self._asking.append(partial(loop.call_soon_threadsafe, room.set))
            # No task waits with the lock held.
            if added:
                return await asyncio.wrap_future(request.future)
            await room.wait()

    def gap(self, member: Member, frames: int) -> Future[Frames]:
        """`StreamPool.gap`, after what the member has queued."""
        return self._do(member, partial(self._pool.gap, member, frames), "before")

    def finish(self, member: Member) -> Future[Frames]:
        """`StreamPool.finish`, after what the member has queued."""
        return self._do(member, partial(self._pool.finish, member), "before")

    def reset(self, member: Member) -> Future[None]:
        """`StreamPool.reset`, after what the member has queued."""
        return self._do(member, partial(self._pool.reset, member), "never")

    def leave(self, member: Member) -> Future[None]:
        """`StreamPool.leave`, after what the member has queued."""
        return self._do(member, partial(self._pool.leave, member), "never")

    def snapshot(self, member: Member) -> Future[bytes]:
        """`StreamPool.snapshot`, after what the member has queued."""
        return self._do(member, partial(self._pool.snapshot, member), "later")

    def restore(self, member: Member, data: bytes, name: str = "snapshot") -> Future[None]:
        """`StreamPool.restore`, after what the member has queued."""
        return self._do(member, partial(self._pool.restore, member, data, name), "never")

    def close(self) -> None:
        """Run what is queued, and end the thread; the pool can then be used by itself again."""
        self._may_wait()
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        atexit.unregister(self.close)

    def __enter__(self) -> Batcher:
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
            finite = bool(np.isfinite(one).all())
        else:
            with member.named():
                given = {name: a.copy() for name, a in checked_inputs(frames, self._pool.contract, 1).items()}
            one = next(iter(given.values()))
            finite = all(np.isfinite(array).all() for array in given.values())
        now = monotonic()
        deadline = None if deadline_s is None else now + seconds(deadline_s, "batcher: deadline_s")
        return Request(member, given, len(one), now + self._max_wait_s, deadline, apart=not finite)

    def _do(self, member: Member, action: Callable[[], Any], make_good: MakeGood) -> Future[Any]:
        self._check_here()
        _check_member(member)
        request = Request(member, None, 0, monotonic(), action=action, make_good=make_good)
        with self._changed:
            self._add(request)
        return request.future

    def _add(self, request: Request) -> bool:
        """Queue a request, with the lock held; False where it has to wait."""
        if self._closing:
            raise InputError("batcher: it is closed")
        found = self._waiting.add(request)
        if found == "full":
            return False
        self._counters["submitted"] += 1
        if found is not None:
            self._counters["dropped"] += 1
            # Nobody can have cancelled a dropped request any later than this.
            if found.future.set_running_or_notify_cancel():
                found.future.set_exception(dropped(found, self._queue))
        if self._due(request) < self._wakes or len(self._waiting) >= len(self._pool):
            self._changed.notify_all()
        return True

    def _due(self, request: Request) -> float:
        """When a round with this request has to begin."""
        wanted = request.hurry if request.deadline is None else min(request.hurry, request.deadline)
        return min(request.due, wanted - max(self._costs))

    def _work(self) -> None:
        """The thread: one round after the other."""
        while True:
            with self._changed:
                while not self._ready():
                    if self._closing and not len(self._waiting):
                        return
                    self._changed.wait(None if self._wakes == float("inf") else max(0.0, self._wakes - monotonic()))
                self._wakes = float("inf")
                requests, cancelled = self._waiting.take()
                self._counters["dropped"] += cancelled
                asking, self._asking = self._asking, []
                self._changed.notify_all()
            for ask in asking:
                # A loop that has ended asks no more.
                with suppress(RuntimeError):
                    ask()
            began = monotonic()
            with self._using:
                outcomes = self._rounds.run(requests)
            self._costs.append(monotonic() - began)
            self._settle(outcomes)

    def _ready(self) -> bool:
        """Whether a round has to begin; else `_wakes` is when to look again."""
        if not len(self._waiting):
            self._wakes = float("inf")
            return False
        self._wakes = min(map(self._due, self._waiting.heads()))
        return self._closing or len(self._waiting) >= len(self._pool) or self._wakes <= monotonic()

    def _settle(self, outcomes: list[Outcome]) -> None:
        """Tell everybody, and count before that."""
        now = monotonic()
        with self._changed:
            for outcome in outcomes:
                request = outcome.request
                self._counters["failed" if outcome.error else "completed"] += 1
                self._counters["late"] += request.deadline is not None and now > request.deadline
                if outcome.lost and request.make_good != "never":
                    self._waiting.lose(request.member, outcome.lost)
        for outcome in outcomes:
            if outcome.error is not None:
                outcome.request.future.set_exception(outcome.error)
            else:
                outcome.request.future.set_result(outcome.result)

    def _may_wait(self) -> None:
        """Whoever waits for the batcher's thread must not be that thread: a callback of an event or of a future."""
        self._check_here()
        if threading.current_thread() is self._thread:
            raise OwnerError("batcher: a callback waits for the thread that it runs in; let another thread do it")

    def _fork(self) -> None:
        """In a forked child, where the thread is not."""
        self._check_here = refuse_in_child
        atexit.unregister(self.close)


def _check_member(member: Member) -> None:
    instance(member, "batcher: member", Member, remedy="use one that join gave")


def _here() -> None:
    """Stands where a child has `refuse_in_child`."""
