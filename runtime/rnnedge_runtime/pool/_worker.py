"""The thread of a batcher: takes requests from where they wait, runs them in rounds, and answers them."""

from __future__ import annotations

import atexit
import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from rnnedge_runtime._exclusive import StaysHere
from rnnedge_runtime._fork import forked_away, refuse_in_child
from rnnedge_runtime.arguments import instance, seconds
from rnnedge_runtime.errors import InputError, OwnerError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.pool._batched_pool import BatchedPool
from rnnedge_runtime.pool._request import Full, Request, Waiting, dropped
from rnnedge_runtime.pool._scheduler import Outcome, Rounds

_COSTS_KEPT = 16


class Worker(StaysHere):
    """The part of a `Batcher` that its callers do not see.

    Nothing that a callback raises ends the thread, and an exception in a thread that sends a request takes it back.
    So locks are taken by `with` on the lock itself, which is one bytecode: to enter a `Condition` takes several.
    """

    def __init__(self, pool: BatchedPool[Frames], max_wait_s: float, queue: int, full: Full) -> None:
        """Used by `StreamPool.batcher`."""
        instance(pool, "Batcher", BatchedPool, remedy="make one with load(path).pool(capacity).batcher()")
        max_wait_s = seconds(max_wait_s, "batcher: max_wait_s")
        self._waiting, self._rounds = Waiting(queue, full), Rounds(pool)
        self._pool, self._max_wait_s, self._queue = pool, max_wait_s, queue
        self._counters: Counter[str] = Counter()
        # Seconds that the latest rounds took: so much before a deadline the round has to begin.
        self._costs = deque([0.0], maxlen=_COSTS_KEPT)
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
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

    def close(self) -> None:
        """Run what is queued, and end the thread; the pool can then be used by itself again."""
        self._may_wait()
        with self._lock:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        atexit.unregister(self.close)

    def _send(self, request: Request) -> None:
        """Queue a request, and wait for room where that is the policy; an exception takes it back."""
        with self._lock:
            while not self._add(request):
                self._may_wait()
                self._changed.wait()
        self._answer_dropped()

    def _add(self, request: Request) -> bool:
        """Queue a request, with the lock held; False where it has to wait."""
        if self._closing:
            raise InputError("batcher: it is closed")
        if self._waiting.add(request) == "full":
            return False
        self._counters["submitted"] += 1
        request.counted = True
        if self._due(request) < self._wakes or len(self._waiting) >= len(self._pool):
            self._changed.notify_all()
        return True

    def _answer_dropped(self) -> None:
        """Without the lock, since a callback of a future may send requests, or wait for a thread that does.

        Those too which somebody dropped who could not answer them; two threads may answer one.
        """
        while True:
            with self._lock:
                if not self._waiting.dropped:
                    return
                request = self._waiting.dropped[-1]
                if not request.dropped:
                    request.dropped = True
                    self._counters["dropped"] += 1
                    # Nobody can have cancelled a dropped request any later than this.
                    request.starts()
            request.answer(error=dropped(request, self._queue))
            with self._lock, suppress(ValueError):
                self._waiting.dropped.remove(request)

    def _take_back(self, request: Request) -> None:
        """Its sender has been interrupted, and will never hear of it: let it not have been made."""
        # It may be dropped and not yet told so.
        self._answer_dropped()
        with self._lock:
            if request.counted and not request.answered:
                withdrawn = self._waiting.withdraw(request)
                self._counters["submitted"] -= withdrawn
            else:
                withdrawn = not request.counted and self._waiting.withdraw(request)
        lost = None
        if withdrawn or not request.counted or request.ring is None or not request.undoable:
            return
        if not request.answered:
            # It runs.
            request.ring.acquire()
        with self._using, suppress(InputError):
            lost = self._rounds.undo(request) if request.error is None else None
        if lost is not None:
            with self._lock:
                self._counters["completed"] -= 1
                self._counters["submitted"] -= 1
                if lost:
                    self._waiting.lose(request.member, lost)

    def _due(self, request: Request) -> float:
        """When a round with this request has to begin."""
        wanted = (
            request.effective_deadline
            if request.deadline is None
            else min(request.effective_deadline, request.deadline)
        )
        return min(request.due, wanted - max(self._costs))

    def _work(self) -> None:
        """The thread: one round after the other."""
        requests: list[Request] = []
        while True:
            try:
                if not self._wait():
                    return
                requests = self._take()
                began = monotonic()
                with self._using:
                    outcomes = self._rounds.run(requests)
                self._costs.append(monotonic() - began)
                self._settle(outcomes)
            except BaseException as error:
                # There is no such case; if there were one, nobody would wait forever.
                self._settle([Outcome(request, error=error) for request in requests if not request.future.done()])
            requests = []

    def _wait(self) -> bool:
        """Until a round has to begin; False where none ever has to."""
        with self._lock:
            while not self._ready():
                if self._closing and not len(self._waiting):
                    return False
                pause = min(max(0.0, self._wakes - monotonic()), threading.TIMEOUT_MAX)
                self._changed.wait(None if self._wakes == float("inf") else pause)
            self._wakes = float("inf")
        return True

    def _take(self) -> list[Request]:
        """The requests of a round; whoever waits for room is told."""
        with self._lock:
            requests, cancelled = self._waiting.take()
            self._counters["dropped"] += cancelled
            asking, self._asking = self._asking, []
            self._changed.notify_all()
        self._answer_dropped()
        for ask in asking:
            # A loop that has ended asks no more.
            with suppress(RuntimeError):
                ask()
        return requests

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
        with self._lock:
            for outcome in outcomes:
                request = outcome.request
                self._counters["failed" if outcome.error is not None else "completed"] += 1
                self._counters["late"] += request.deadline is not None and now > request.deadline
                if outcome.lost and request.make_good != "never":
                    self._waiting.lose(request.member, outcome.lost)
        for outcome in outcomes:
            outcome.request.answer(outcome.result, outcome.error)

    def _may_wait(self) -> None:
        """Whoever waits for the batcher's thread must not be that thread: a callback of an event or of a future."""
        self._check_here()
        if threading.current_thread() is self._thread:
            raise OwnerError("batcher: a callback waits for the thread that it runs in; let another thread do it")

    def _fork(self) -> None:
        """In a forked child, where the thread is not."""
        self._check_here = refuse_in_child
        atexit.unregister(self.close)


def _here() -> None:
    """Stands where a child has `refuse_in_child`."""
