"""One request of each of some members, run with as few calls as possible, and none fails for another's sake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.pool.member import Member
from rnnedge_runtime.pool.pool import StreamPool
from rnnedge_runtime.pool.request import Request


@dataclass(frozen=True)
class Outcome:
    """What became of a request: `result`, or `error`; and how many `lost` frames in front of it are still no gap."""

    request: Request
    result: Any = None
    error: Exception | None = None
    lost: int = 0


class Rounds:
    """Runs rounds on a pool, in one thread."""

    def __init__(self, pool: StreamPool) -> None:
        """Used by a batcher."""
        self._pool = pool
        # What a gap gave before a request that then failed: the next results begin with it.
        self._ahead: WeakKeyDictionary[Member, list[Frames]] = WeakKeyDictionary()

    def run(self, requests: Sequence[Request]) -> list[Outcome]:
        """At most one request of each member; those that are plain pushes together, all others by themselves."""
        plain = [r for r in requests if r.action is None and not (r.apart or r.lost or r.member in self._ahead)]
        others = set(requests) - set(plain)
        return self._together(plain) + [self._by_itself(request) for request in requests if request in others]

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
        except Exception as error:
            return [Outcome(request, error=error) for request in requests]
        return [Outcome(request, found[request.member]) for request in requests]

    def _by_itself(self, request: Request) -> Outcome:
        member, lost = request.member, request.lost
        try:
            if lost and request.make_good == "before":
                self._ahead.setdefault(member, []).append(self._pool.gap(member, lost))
                lost = 0
            result = request.action() if request.action is not None else self._push_one(request)
        except Exception as error:
            return Outcome(request, error=error, lost=lost)
        if request.make_good == "later":
            return Outcome(request, result, lost=lost)
        ahead = self._ahead.pop(member, None)
        return Outcome(request, joined([*ahead, result]) if ahead and request.make_good == "before" else result)

    def _push_one(self, request: Request) -> Frames:
        assert request.frames is not None
        return self._pool.push({request.member: request.frames})[request.member]


def joined(parts: Sequence[Frames]) -> Frames:
    """Frames (time, ...) of one sequence behind each other, by name where they are dicts."""
    dicts = [part for part in parts if isinstance(part, dict)]
    if dicts:
        return {name: np.concatenate([part[name] for part in dicts]) for name in dicts[0]}
    return np.concatenate([part for part in parts if not isinstance(part, dict)])
