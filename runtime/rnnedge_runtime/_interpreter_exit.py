"""What daemon threads do while the interpreter ends: they stay outside of engines.

An engine lets the global lock go while it runs. When the interpreter is torn down, a thread that comes back from a run
and wants the lock is ended there, by unwinding its stack, which C++ code does not allow: the process would end with
SIGABRT. So at exit every run in progress is ended, and a daemon thread that wants another one waits, until there is no
process any more. The main thread goes on as before: handlers of the user's may come later, and use streams.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Protocol

from rnnedge_runtime._exclusive import Turnstile
from rnnedge_runtime._fork import NoToken
from rnnedge_runtime.engine import CancelToken

# An engine that does not end its run in this time is left to itself.
_PATIENCE_S = 10.0
_PACKAGE = os.path.dirname(__file__)
_CALLBACKS = os.path.join(_PACKAGE, "faults.py")
# On the stack of a thread whose call may run a graph.
_RUNS = frozenset(
    os.path.join(_PACKAGE, *place)
    for place in (
        ("_graph_runner.py",),
        ("_exclusive.py",),
        ("stream_runner.py",),
        ("engines", "_ort.py"),
        ("engines", "native", "_engine.py"),
    )
)

_waiting: set[int] = set()
_leaving = False


class Running(Protocol):
    """Something that runs graphs."""

    _token: Turnstile
    _stop: CancelToken


class _Gate:
    """Stands in place of a token: only the main thread still comes in."""

    def __init__(self, token: Turnstile) -> None:
        self._token = token

    def pop(self) -> object:
        """Take it."""
        wait_if_leaving()
        return self._token.pop()

    def append(self, token: None, /) -> object:
        """Bring it back."""
        return self._token.append(token)

    def __len__(self) -> int:
        return len(self._token)


def wait_if_leaving() -> None:
    """Forever, in a daemon thread, while the interpreter ends."""
    if _leaving and threading.current_thread() is not threading.main_thread():
        _waiting.add(threading.get_ident())
        while True:
            time.sleep(3600.0)


def leave_with(running: Callable[[], Iterable[Running]]) -> None:
    """At exit, keep daemon threads out of all that `running` gives then."""
    atexit.register(_leave, running)


def _leave(running: Callable[[], Iterable[Running]]) -> None:
    global _leaving
    _leaving = True
    end = time.monotonic() + _PATIENCE_S
    # In this order: the gate of what a thread has made is shut before the thread is seen to be outside.
    while (_some_thread_runs() | _shut(running())) and time.monotonic() < end:
        time.sleep(0.001)
    for one in running():
        if len(one._token):
            # The thread that was inside has left, and the main thread may want it.
            one._stop.clear()


def _shut(running: Iterable[Running]) -> bool:
    """Shut every gate, and end the run of each that a thread is in; whether a gate was still open."""
    found = False
    for one in running:
        if not isinstance(one._token, NoToken | _Gate):
            one._token = _Gate(one._token)
            found = True
        if not len(one._token):
            one._stop.set()
    return found


def _some_thread_runs() -> bool:
    """Whether a thread, one that does not wait, is in a call that may run a graph before it comes to a gate."""
    here = threading.get_ident()
    return any(
        _may_run(frame) for ident, frame in sys._current_frames().items() if ident != here and ident not in _waiting
    )


def _may_run(top: FrameType) -> bool:
    at: FrameType | None = top
    while at is not None:
        name = at.f_code.co_filename
        if name == _CALLBACKS and at is not top:
            # The user's own code may take long, and a run that comes after it is ended at once.
            return False
        if name in _RUNS:
            return True
        at = at.f_back
    return False
