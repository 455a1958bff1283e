"""Ctrl-C and SIGTERM end a command alike: what is open is finished or removed, one line, exit code 130 or 143."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

_IMPORT = "<frozen importlib._bootstrap>"
_PATIENCE_S = 1.0
_AGAIN = 0


class Interrupted(KeyboardInterrupt):
    """Of its own type: a KeyboardInterrupt that leaves an `eval` makes CPython end the process by SIGINT in the end."""


class Interruption:
    """Made first thing by the entry point; from `listen` to `end`, a signal raises `Interrupted`, once.

    `code` is then the exit code: 130 for SIGINT, 143 for SIGTERM. Four cases go their own way:

    1. During an import the process ends at once, and what it has not finished is removed: an exception inside another
       package's import may be swallowed there, or leave it half made.
    2. During a run of a graph Python hears nothing until it comes back. A thread that the signal wakes ends the run.
    3. In a destructor or the callback of a weak reference an exception is lost. The thread sends the signal again.
    4. A second signal within a second of the first is taken for the same wish, said twice; a later one ends the
       process at once.
    """

    def __init__(self) -> None:
        """Hear nothing yet."""
        self.code = 130
        self._asked_at: float | None = None
        self._heard: list[signal.Signals] = []
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._ended_runs = threading.Event()
        threading.Thread(target=self._assist, name="rnnedge-interruption", daemon=True).start()

    def listen(self) -> None:
        """Begin; a signal that the parent chose to ignore stays ignored."""
        sys.unraisablehook = self._lost
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._heard = [s for s in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(s) is not signal.SIG_IGN]
        for number in self._heard:
            signal.signal(number, self._hear)

    def end(self) -> None:
        """From here on a signal changes nothing: the exit code is decided."""
        for number in self._heard:
            signal.signal(number, signal.SIG_IGN)
        if self._asked_at is not None:
            # A thread that comes out of onnxruntime while the interpreter ends would end the process by SIGABRT.
            self._ended_runs.wait(_PATIENCE_S)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is not None:
            if now - self._asked_at > _PATIENCE_S:
                os._exit(self.code)
            return
        self._asked_at = now
        self.code = 128 + number
        if _importing(frame):
            remove = getattr(sys.modules.get("rnnedge_runtime.temporary"), "remove_unfinished", None)
            if remove is not None:
                remove()
            os.write(2, b"rnnedge: interrupted\n")
            os._exit(self.code)
        raise Interrupted

    def _lost(self, unraisable: Any) -> None:
        """`sys.unraisablehook`: an exception that nobody could catch."""
        if isinstance(unraisable.exc_value, Interrupted):
            self._asked_at = None
            os.write(self._wake, bytes([_AGAIN]))
        else:
            sys.__unraisablehook__(unraisable)

    def _assist(self) -> None:
        """The thread: one byte for each signal, its number, as `set_wakeup_fd` writes it."""
        while True:
            if os.read(self._woken, 1)[0] == _AGAIN:
                # Long enough for the destructor to end.
                time.sleep(0.001)
                os.kill(os.getpid(), self.code - 128)
                continue
            end = getattr(sys.modules.get("rnnedge_runtime._graph_runner"), "end_all_runs", None)
            if end is not None:
                end()
            self._ended_runs.set()


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT:
            return True
        frame = frame.f_back
    return False
