"""A time limit for runs: a thread that looks at streams from outside and ends a run that does not come back.

A bound run cannot be interrupted by a signal, and taking the time twice per frame would cost more than all else in a
push. So this thread looks four times per limit whether a stream is still inside the same call.
"""

from __future__ import annotations

import threading
import weakref
from time import monotonic
from typing import Protocol

from rnnedge_runtime._fork import forked_away
from rnnedge_runtime.engine import CancelToken


class Watched(Protocol):
    """A stream with a limit: `_mark()` is None between calls, and another value in every call."""

    _limit_s: float
    _stop: CancelToken
    _stopped_in: object | None

    def _mark(self) -> object | None: ...


Since = weakref.WeakKeyDictionary[Watched, tuple[object, float]]
"""In which call each stream was seen, and when first."""


class Watchdog:
    """The thread; it begins with the first stream and ends when none is left."""

    def __init__(self) -> None:
        """Used once, below."""
        self._fork()
        forked_away(self)

    def _fork(self) -> None:
        """Begin without streams; again in a forked child, where the thread is not, which may have had the lock."""
        # The handler of a signal may make a stream while this thread makes another.
        self._lock = threading.RLock()
        self._streams: weakref.WeakSet[Watched] = weakref.WeakSet()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()

    @property
    def running(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None

    def watch(self, stream: Watched) -> None:
        """End every run of `stream` that takes longer than its limit."""
        with self._lock:
            self._streams.add(stream)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._patrol, name="rnnedge-watchdog", daemon=True)
                self._thread.start()
        self._wake.set()

    def forget(self, stream: Watched) -> object | None:
        """Let runs of `stream` pass again; returns which call was to be ended, None where none was.

        It may be one before the call in progress: then nothing has happened.
        """
        with self._lock:
            ended, stream._stopped_in = stream._stopped_in, None
            stream._stop.clear()
        return ended

    def _end(self, stream: Watched, mark: object) -> None:
        with self._lock:
            if stream._mark() == mark:
                stream._stopped_in = mark
                stream._stop.set()

    def _look(self, stream: Watched, since: Since) -> None:
        """End the call that `stream` is in, if it has been in it since longer than its limit."""
        # This thread may have to wait anywhere in between: no call may look longer than it is.
        before = monotonic()
        mark = stream._mark()
        if mark is None:
            since.pop(stream, None)
        elif stream not in since or since[stream][0] != mark:
            since[stream] = (mark, monotonic())
        elif before - since[stream][1] >= stream._limit_s:
            self._end(stream, mark)

    def _patrol(self) -> None:
        since: Since = weakref.WeakKeyDictionary()
        while True:
            with self._lock:
                streams = list(self._streams)
                if not streams:
                    self._thread = None
                    return
            pause = min(stream._limit_s for stream in streams) / 4
            for stream in streams:
                self._look(stream, since)
            del streams, stream
            self._wake.wait(pause)
            self._wake.clear()


watchdog = Watchdog()
