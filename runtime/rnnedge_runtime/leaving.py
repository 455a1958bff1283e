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
from typing import Protocol

from rnnedge_runtime.engines import Stop
from rnnedge_runtime.ownership import NoToken, Turnstile

# An engine that does not end its run in this time is left to itself.
_PATIENCE_S = 10.0
_PACKAGE = os.path.dirname(__file__)
# Who calls an engine: the last Python code on the stack of a thread that is in one.
_CALLERS = tuple(os.path.join(_PACKAGE, name) for name in ("calls.py", "lane.py", "stream.py", "engines"))

_waiting: set[int] = set()
_leaving = False


class Running(Protocol):
    """Something that runs graphs."""

    _token: Turnstile
    _stop: Stop


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
    """For ever, in a daemon thread, while the interpreter ends."""
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
    for one in running():
        if not isinstance(one._token, NoToken):
            one._token = _Gate(one._token)
    end = time.monotonic() + _PATIENCE_S
    while _some_thread_runs() and time.monotonic() < end:
        for one in running():
            one._stop.set()
        time.sleep(0.001)
    for one in running():
        if len(one._token):
            # The main thread may still want it.
            one._stop.clear()


def _some_thread_runs() -> bool:
    """Whether a thread, one that does not wait, is in an engine or about to be."""
    here = threading.get_ident()
    return any(
        frame.f_code.co_filename.startswith(_CALLERS) or f"{os.sep}onnxruntime{os.sep}" in frame.f_code.co_filename
        for ident, frame in sys._current_frames().items()
        if ident != here and ident not in _waiting
    )
