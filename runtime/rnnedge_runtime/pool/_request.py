"""What waits for a batched call: requests of each member in the order in which they came, bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal, get_args
from weakref import WeakKeyDictionary

from rnnedge_runtime.arguments import choice, integer
from rnnedge_runtime.errors import Dropped
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.pool._member import Member

Full = Literal["block", "drop-oldest", "drop-newest"]
MakeGood = Literal["before", "later", "never"]


@dataclass(eq=False)
class Request:
    """Something to do for one member: `frames` to push, `count` of them, or else `action` to call.

    `due` and `deadline` are in seconds of the monotonic clock: until when it may wait for a batch, and until when its
    result is wanted. `lost` frames were dropped in front of it; `make_good` says when they become a gap: before it,
    with a later push, or never, because it starts again. `solo`: it gains nothing from a batch.
    `effective_deadline`: the earliest deadline of the requests that wait for this one.
    """

    member: Member
    frames: Frames | None
    count: int
    due: float
    deadline: float | None = None
    action: Callable[[], Any] | None = None
    make_good: MakeGood = "before"
    solo: bool = False
    lost: int = 0
    effective_deadline: float = float("inf")
    future: Future[Any] = field(default_factory=Future)
    # Of a sender that waits: where it waits until this is answered, and what it would take to undo the request. It
    # leaves the future alone, whose lock an exception in between could keep forever.
    ring: Lock | None = None
    undoable: bool = False
    before: Any = None
    counted: bool = False
    dropped: bool = False
    answered: bool = False
    result: Any = None
    error: BaseException | None = None

    def answer(self, result: Any = None, error: BaseException | None = None) -> None:
        """Tell whoever waits; nothing that a callback of the future raises comes out of this."""
        with suppress(BaseException):
            if error is not None:
                self.future.set_exception(error)
            else:
                self.future.set_result(result)
        if self.ring is not None and not self.answered:
            self.result, self.error, self.answered = result, error, True
            # Another thread may have answered it at the same time.
            with suppress(RuntimeError):
                self.ring.release()

    def starts(self) -> bool:
        """Whether it may run, which nobody can cancel any more."""
        try:
            return self.future.set_running_or_notify_cancel()
        # Somebody else has given the future a result.
        except RuntimeError:
            return False


class Waiting:
    """The requests of all members, at most `limit` pushes of each."""

    def __init__(self, limit: int, full: Full) -> None:
        """Raise `InputError` for no room or a policy that does not exist."""
        choice(full, "batcher: full", get_args(Full))
        self._limit, self._full = integer(limit, "batcher: queue"), full
        self._queues: dict[Member, deque[Request]] = {}
        # Whose senders are still to be told.
        self.dropped: list[Request] = []
        # Frames that were dropped after all that a member has waiting.
        self._lost_behind: WeakKeyDictionary[Member, int] = WeakKeyDictionary()

    def __len__(self) -> int:
        """How many members have something waiting."""
        return len(self._queues)

    @property
    def requests(self) -> int:
        """How many requests wait."""
        return sum(map(len, self._queues.values()))

    def add(self, request: Request) -> Literal["full"] | None:
        """Take a request, "full" where it has to wait; what is dropped for it, itself perhaps, is in `dropped`."""
        member = request.member
        pushes = [one for one in self._queues.get(member, ()) if one.action is None]
        too_many = request.action is None and len(pushes) >= self._limit
        if too_many and self._full == "block":
            return "full"
        if too_many and self._full == "drop-newest":
            self._lost_behind[member] = self._lost_behind.get(member, 0) + request.count
            self.dropped.append(request)
            return None
        request.lost += self._lost_behind.pop(member, 0)
        queue = self._queues.setdefault(member, deque())
        # A push may wait for a batch, an action has none to wait for.
        wanted = request.due if request.action is not None else request.deadline
        if wanted is not None:
            for earlier in queue:
                earlier.effective_deadline = min(earlier.effective_deadline, wanted)
        queue.append(request)
        if not too_many:
            return None
        oldest = pushes[0]
        self.dropped.append(oldest)
        queue[queue.index(oldest) + 1].lost += oldest.lost + oldest.count
        queue.remove(oldest)
        return None

    def withdraw(self, request: Request) -> bool:
        """Let a request that waits never have been added; False where it does not."""
        queue = self._queues.get(request.member, deque())
        if request not in queue:
            return False
        behind = queue.index(request) + 1
        if behind < len(queue):
            queue[behind].lost += request.lost
        elif request.lost:
            self._lost_behind[request.member] = self._lost_behind.get(request.member, 0) + request.lost
        queue.remove(request)
        if not queue:
            del self._queues[request.member]
        return True

    def heads(self) -> Iterator[Request]:
        """The next request of every member that has one."""
        return (queue[0] for queue in self._queues.values())

    def take(self) -> tuple[list[Request], int]:
        """The next request of every member, and how many had been cancelled, whose frames are lost."""
        found, cancelled = [], 0
        for member in list(self._queues):
            queue = self._queues[member]
            while queue:
                request = queue.popleft()
                if request.starts():
                    found.append(request)
                    break
                cancelled += 1
                self.lose(member, request.lost + request.count)
            if not queue:
                del self._queues[member]
        return found, cancelled

    def lose(self, member: Member, frames: int) -> None:
        """Frames that stood in front of what the member has waiting will not come."""
        queue = self._queues.get(member)
        if queue:
            queue[0].lost += frames
        else:
            self._lost_behind[member] = self._lost_behind.get(member, 0) + frames


def dropped(request: Request, limit: int) -> Dropped:
    """The error that the sender of a dropped request gets."""
    return Dropped(
        f"{request.member.name}: {request.count} frames dropped, because {limit} pushes wait already; "
        "they become a gap of the sequence"
    )
