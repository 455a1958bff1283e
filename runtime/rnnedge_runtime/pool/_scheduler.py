"""One request of each of some members, run with as few calls as possible, and none fails for another's sake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from rnnedge_runtime._snapshot import Snapshot
from rnnedge_runtime.errors import InputError, RnnEdgeError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.pool._batched_pool import BatchedPool
from rnnedge_runtime.pool._member import Member
from rnnedge_runtime.pool._request import Request


@dataclass(frozen=True)
class Outcome:
    """What became of a request: `result`, or `error`; and how many `lost` frames in front of it are still no gap."""

    request: Request
    result: Any = None
    error: BaseException | None = None
    lost: int = 0


@dataclass(frozen=True)
class _Before:
    """Where a member stood before a request, and what was due to it."""

    place: Snapshot
    ahead: list[Frames]
    lost: int
    uncount: Callable[[], None]


class Rounds:
    """Runs rounds on a pool, in one thread."""

    def __init__(self, pool: BatchedPool[Frames]) -> None:
        """Used by a batcher."""
        self._pool = pool
        # What a gap gave before a request that then failed: the next results begin with it.
        self._ahead: WeakKeyDictionary[Member, list[Frames]] = WeakKeyDictionary()
        self._latest: WeakKeyDictionary[Member, Request] = WeakKeyDictionary()

    def run(self, requests: Sequence[Request]) -> list[Outcome]:
        """At most one request of each member; those that are plain pushes together, all others by themselves."""
        for request in requests:
            self._latest[request.member] = request
            if request.undoable:
                ahead = list(self._ahead.get(request.member, ()))
                place, uncount = self._pool._place(request.member), request.member.log.keep()
                request.before = _Before(place, ahead, request.lost, uncount)
        plain = [r for r in requests if r.action is None and not (r.solo or r.lost or r.member in self._ahead)]
        others = set(requests) - set(plain)
        return self._together(plain) + [self._by_itself(request) for request in requests if request in others]

    def undo(self, request: Request) -> int | None:
        """Let a request that has run never have been made, and return how many frames are lost in front of the next.

        None where another one of the member has run since.
        """
        before = request.before
        if before is None or self._latest.get(request.member) is not request:
            return None
        self._pool._stand_at(request.member, before.place)
        before.uncount()
        self._ahead.pop(request.member, None)
        if before.ahead:
            self._ahead[request.member] = before.ahead
        return int(before.lost)

    def _together(self, requests: list[Request]) -> list[Outcome]:
        if not requests:
            return []
        try:
            found = self._pool.push({r.member: r.frames for r in requests if r.frames is not None})
        except InputError as error:
            # Some have left, or are finished, and nobody moved: find out who.
            if len(requests) == 1:
                return [Outcome(requests[0], error=error)]
            half = len(requests) // 2
            return self._together(requests[:half]) + self._together(requests[half:])
        except BaseException as error:
            return [Outcome(request, error=_of_callback(error, request)) for request in requests]
        return [Outcome(request, found[request.member]) for request in requests]

    def _by_itself(self, request: Request) -> Outcome:
        member, lost = request.member, request.lost
        try:
            if lost and request.make_good == "before":
                self._ahead.setdefault(member, []).append(self._pool.gap(member, lost))
                lost = 0
            result = request.action() if request.action is not None else self._push_one(request)
        except BaseException as error:
            return Outcome(request, error=_of_callback(error, request), lost=lost)
        if request.make_good == "later":
            return Outcome(request, result, lost=lost)
        ahead = self._ahead.pop(member, None)
        return Outcome(request, joined([*ahead, result]) if ahead and request.make_good == "before" else result)

    def _push_one(self, request: Request) -> Frames:
        assert request.frames is not None
        return self._pool.push({request.member: request.frames})[request.member]


def _of_callback(error: BaseException, request: Request) -> BaseException:
    """What ends whoever hears it, as SystemExit does, is a matter of the callback that raised it: an error of ours."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration | StopAsyncIteration):
        return error
    told = RnnEdgeError(
        f"{request.member.name}: a callback raised {type(error).__name__} ({error}); the sequence is as before"
    )
    told.__cause__ = error
    return told


def joined(parts: Sequence[Frames]) -> Frames:
    """Frames (time, ...) of one sequence one after the other, by name where they are dicts."""
    dicts = [part for part in parts if isinstance(part, dict)]
    if dicts:
        return {name: np.concatenate([part[name] for part in dicts]) for name in dicts[0]}
    return np.concatenate([part for part in parts if not isinstance(part, dict)])
